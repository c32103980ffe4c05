"""From a flat network to kinds and loops, and back."""

import time
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.passes.flat import Flat, body_text, canonical, folded, loops_of, number
from tests.passes.networks import ALL, called_twice, mlp

from backhand.errors import BackhandError
from backhand.graph import Attribute, Call, Kind, Module, Nested, Network, Step, Value, check
from backhand.passes.kinds import shared_kinds, snake_case
from backhand.passes.loops import looped
from backhand.passes.tree import Keys, below, tree
from backhand.passes.unrolled import unrolled

# --- what must hold after each pass -------------------------------------------------------------


def assert_comes_back(network: Network, keys: Keys) -> Nested:
    """Each pass obeys the grammar, is undone by unrolling, and gives the same every time."""
    nested = tree(network, keys)
    shared = shared_kinds(nested)
    looped_ = looped(shared)
    for result in (nested, shared, looped_):
        check(result, named=False)
        assert canonical(check(unrolled(result), named=False)) == canonical(network)
    assert str(folded(network, keys)) == str(looped_)
    return looped_


@pytest.mark.parametrize("name", ALL)
def test_unrolling_gives_back_what_went_in(name: str) -> None:
    assert_comes_back(*ALL[name]())


@pytest.mark.parametrize("name", ALL)
def test_every_planted_change_is_seen_by_unrolling(name: str) -> None:
    """The check above can fail: another operand, attribute, shape, order or module is seen."""
    network, keys = ALL[name]()
    back = unrolled(folded(network, keys))
    body = back.forward.body
    last, before = body[-1], body[-2]
    planted = [
        (*body[:-1], replace(last, function="other")),
        (*body[:-1], replace(last, inputs=last.inputs[::-1] + last.inputs[:1])),
        (*body[:-1], replace(last, attributes=(("axis", 7),))),
        (*body[:-1], replace(last, outputs=(replace(last.made()[0], shape=()),))),
        (*body[:-2], last, before),
        (*body[:-1], replace(last, modules=(Module("other", "Net"),))),
    ]
    for changed in planted:
        planted_network = replace(back, forward=replace(back.forward, body=changed))
        assert canonical(planted_network) != canonical(network)


def test_a_module_called_twice_has_its_calls_counted() -> None:
    network, keys = called_twice()
    back = unrolled(folded(network, keys))
    kept = [step.modules[:3] for step in network.forward.body]  # the layers within dissolve
    assert [step.modules[:3] for step in back.forward.body] == kept
    assert [modules[-1].call for modules in kept] == [0, 0, 0, 1, 1]


def test_the_network_is_the_function_without_calls() -> None:
    """A network of a spec has no modules and stays as it is, but for the paths."""
    x, w, z = Value("x", ("B", 3), "input"), Value("w", (3, 2), "parameter"), Value("z", ("B", 2))
    loss = Kind("network_loss", (z,), (), (z,), (Step("neg", (z,), (Value("l", ("B", 2)),)),))
    flat = Network(
        "net",
        (("B", "batch"),),
        Kind("network", (x,), (w,), (), (Step("matmul", (x, w), (z,)),)),
        loss,
    )
    assert str(folded(flat, {})) == str(flat)


def test_what_the_loss_reads_leaves_the_call() -> None:
    network, keys = mlp()
    inner = network.forward.body[1].output
    loss = Kind("network_loss", (inner,), (), (), (Step("neg", (inner,), (Value("l", ()),)),))
    nested = folded(replace(network, loss=loss), keys)
    (loop,) = loops_of(nested)
    assert [v and v.name for v in loop.collected[0].outside] == ["v2", None, "v6"]


# --- random trees -------------------------------------------------------------------------------

CLASSES = ("Even", "Odd", "Block", "Sequential", "Cell")


@st.composite
def random_networks(draw: st.DrawFn) -> tuple[Network, Keys]:
    """Trees of modules with repeated, shared and unequal children, draws, and odd wiring."""
    f = Flat(x=("B", 4), mask=("B", 4))
    recipes = {name: draw(st.lists(st.integers(0, 6), min_size=1, max_size=4)) for name in CLASSES}
    values = list(f.inputs)

    def run(path: str, class_name: str, depth: int) -> None:
        with f.module(path, class_name):
            for number, what in enumerate(recipes[class_name]):
                line(f"{path}.{number}" if path else str(number), what, depth)

    def line(path: str, what: int, depth: int) -> None:
        x = values[-1]
        if what == 0:
            values.append(f.linear(path, x, draw(st.sampled_from([4, 4, 4, 8]))))
        elif what == 1:
            values.append(f.step("relu", x))
        elif what == 2:
            p = draw(st.sampled_from([0.5, 0.5, 0.25]))
            values.append(f.step("mul", x, f.step("dropout_mask", x, p=p)))
        elif what == 3:
            values.append(f.step("add", x, draw(st.sampled_from([values[0], values[-2], x]))))
        elif depth < 3:
            name = CLASSES[(what + depth) % len(CLASSES)]
            for i in range(draw(st.integers(1, 3))):
                run(f"{path}.{i}" if what < 6 else f"{path}.0", name, depth + 1)

    for i in range(draw(st.integers(1, 4))):
        run(f"top.{i}", draw(st.sampled_from(CLASSES)), 0)
    if not f.steps:
        values.append(f.step("relu", values[0]))
    outputs = draw(st.lists(st.sampled_from(values[2:]), min_size=1, max_size=3, unique=True))
    return f.network(*outputs)


@settings(max_examples=150, deadline=None)
@given(random_networks())
def test_random_trees_come_back(traced: tuple[Network, Keys]) -> None:
    network, keys = traced
    nested = assert_comes_back(network, keys)
    draws = [s for s in unrolled(nested).forward.body if s.function == "dropout_mask"]
    wanted = [s for s in network.forward.body if s.function == "dropout_mask"]
    assert [s.attributes for s in draws] == [s.attributes for s in wanted]


# --- one thought each ---------------------------------------------------------------------------


def kinds_of(name: str) -> list[str]:
    return [kind.name for kind in folded(*ALL[name]()).functions]


def test_kinds_are_named_after_their_class() -> None:
    assert kinds_of("structures") == ["conv2d_bn_1", "conv2d_bn_2"]
    assert kinds_of("residual") == ["block", "residual_1", "residual_2"]
    assert [snake_case(name) for name in ("GPT2Block", "NewGELUActivation", "ResNet")] == [
        "gpt2_block",
        "new_gelu_activation",
        "res_net",
    ]


@pytest.mark.parametrize(("class_name", "name"), [("ReLU", "re_lu"), ("Softmax", "softmax_module")])
def test_a_kind_takes_no_name_that_is_taken(class_name: str, name: str) -> None:
    f = Flat(x=("B", 4))
    with f.module("m", class_name):
        x = f.step("relu", f.step("neg", f.inputs[0]))
    (kind,) = folded(*f.network(x)).functions
    assert kind.name == name


def test_sizes_that_differ_get_letters_and_those_that_do_not_keep_their_number() -> None:
    (block,) = folded(*ALL["growing"]()).functions
    assert block.sizes == ("C", "D")
    assert [value.shape for value in block.values()] == [("B", "C"), ("D", "C")] + 2 * [("B", "D")]


def test_a_dimension_of_one_is_not_as_good_as_another() -> None:
    """What is stretched has another derivative, so it makes another kind."""
    f = Flat(x=("B", 4))
    x = f.inputs[0]
    for i, width in enumerate([4, 1]):
        with f.module(f"h{i}", "Scale"):
            x = f.step("relu", f.step("mul", x, f.parameter("weight", (width,))))
    assert [kind.name for kind in folded(*f.network(x)).functions] == ["scale_1", "scale_2"]


def test_words_and_truth_values_are_not_arguments() -> None:
    f = Flat(x=("B", 4))
    x = f.inputs[0]
    modes: list[Attribute] = ["none", "tanh", True, 1]
    for i, mode in enumerate(modes):
        with f.module(f"h{i}", "Gelu"):
            x = f.step("neg", f.step("gelu", x, approximate=mode))
    assert len(folded(*f.network(x)).functions) == 4


def test_a_list_whose_numbers_do_not_go_up_evenly_is_no_loop() -> None:
    f = Flat(x=("B", 4))
    x = f.inputs[0]
    for path in ("h.0", "mid", "h.1", "h.3", "g.4"):
        with f.module(path, "Block"):
            x = f.step("relu", f.linear(f"{path}.fc", x, 4))
    # h.1 and h.3 alone are even: a slice with a step of two.
    (loop,) = loops_of(folded(*f.network(x)))
    assert [str(one) for one in loop.slices] == ["h[1:4:2]"]


@pytest.mark.parametrize(
    ("numbers", "slices"),
    [
        ((2, 1, 0), []),
        ((0, 1, 4), ["h[0:2]"]),
        ((0, 2, 4), ["h[0:5:2]"]),
        ((0, 2, 1), ["h[0:3:2]"]),
    ],
)
def test_a_slice_goes_up_and_evenly(numbers: tuple[int, ...], slices: list[str]) -> None:
    f = Flat(x=("B", 4))
    x = f.inputs[0]
    for i in numbers:
        with f.module(f"h.{i}", "Block"):
            x = f.step("relu", f.linear(f"h.{i}.fc", x, 4))
    found = loops_of(folded(*f.network(x)))
    assert [str(one) for loop in found for one in loop.slices] == slices


def test_lines_that_are_wired_otherwise_among_themselves_are_no_loop() -> None:
    f = Flat(x=("B", 4))
    x = f.inputs[0]
    for i in range(2):
        made = f.step("relu", f.linear(f"h.{i}", x, 4))
        x = f.step("mul", made, f.steps[-i - 1].output)
    assert loops_of(folded(*f.network(x))) == []


def test_a_parameter_of_another_name_or_a_class_of_another_makes_another_kind() -> None:
    f = Flat(x=("B", 4))
    x = f.inputs[0]
    for path, name, class_name in [("a", "w", "One"), ("b", "v", "One"), ("c", "w", "Two")]:
        with f.module(path, class_name):
            x = f.step("relu", f.step("mul", x, f.parameter(name, (4,))))
    kinds = folded(*f.network(x)).functions
    assert [kind.name for kind in kinds] == ["one_1", "one_2", "two"]


def test_layers_that_are_wired_otherwise_are_not_one_loop() -> None:
    f = Flat(x=("B", 4))
    made = [f.inputs[0]]
    for i in range(4):
        with f.module(f"h.{i}", "Block"):
            made.append(f.step("relu", f.linear(f"h.{i}.fc", made[max(0, i - 1)], 4)))
    # The first two read the same; each later one reads what was made two before it.
    first, second = loops_of(folded(*f.network(made[-1], made[-2])))
    assert (first.times, len(first.carried), len(first.taken)) == (2, 0, 0)
    assert (second.times, len(second.carried), len(second.taken)) == (2, 0, 1)


def test_plain_lines_repeat_only_if_they_are_layers_and_it_is_shorter() -> None:
    f = Flat(x=("B", 4))
    x = f.step("relu", f.step("relu", f.step("relu", f.inputs[0])))
    x = f.linear("two.1", f.linear("two.0", x, 4), 4)
    assert loops_of(folded(*f.network(x))) == []
    (loop,) = loops_of(folded(*ALL["lists_of_operators"]()))
    assert (loop.times, len(loop.body)) == (4, 2)


@pytest.mark.parametrize(
    ("places", "times", "index"),
    [((0, 1, 2), 3, "i"), ((4, 3, 2, 1), 4, "4 - i"), ((1, 3, 5), 3, "2 * i + 1")],
)
def test_a_place_that_rises_evenly_is_counted(
    places: tuple[int, ...], times: int, index: str
) -> None:
    f = Flat(x=("B", 6, 4), h=("B", 4))
    x, h = f.inputs
    for place in places:
        column = f.step("select", x, shape=("B", 4), axis=1, index=place)
        with f.module("cell", "Cell"):
            h = f.step("tanh", f.step("add", f.linear("cell.fc", column, 4), h))
    (loop,) = loops_of(folded(*f.network(h)))
    assert loop.times == times
    select = loop.body[0]
    assert isinstance(select, Step)
    assert repr(dict(select.attributes)["index"]) == index


def test_places_that_do_not_rise_evenly_are_no_loop_of_all() -> None:
    f = Flat(x=("B", 6, 4))
    x = f.inputs[0]
    made = []
    for place in (0, 1, 3):
        with f.module("cell", "Cell"):
            made.append(f.step("neg", f.step("select", x, shape=("B", 4), axis=1, index=place)))
    assert all(loop.times < 3 for loop in loops_of(folded(*f.network(*made))))


def test_the_same_lines_on_their_own_results_are_a_loop_from_three_times_on() -> None:
    (loop,) = loops_of(folded(*ALL["lines_again"]()))
    assert (loop.times, len(loop.carried), loop.slices) == (4, 1, ())
    f = Flat(x=("B", 4))
    x = f.inputs[0]
    for _ in range(2):
        x = f.step("add", x, f.step("mul", f.linear("slope", x, 4), number(0.1)))
    assert loops_of(folded(*f.network(x))) == []


def test_results_of_one_line_are_gone_through_where_each_needs_the_one_before() -> None:
    (loop,) = loops_of(folded(*ALL["unbound"]()))
    assert (loop.times, len(loop.taken), len(loop.carried)) == (4, 1, 1)


def test_queries_keys_and_values_are_no_loop() -> None:
    f = Flat(x=("B", 12))
    made = []
    for part in f.steps_out("split", [f.inputs[0]], [("B", 4)] * 3, axis=1):
        with f.module("norm", "Norm"):
            made.append(f.step("tanh", f.linear("norm.fc", part, 4)))
    assert loops_of(folded(*f.network(*made))) == []


def test_a_loop_begins_where_the_layer_does() -> None:
    """A line before the first layer may look like the last of a layer."""
    f = Flat(x=("B", 4), y=("B", 4))
    x = f.step("add", *f.inputs)
    for i in range(3):
        with f.module(f"h.{i}", "Block"):
            z = f.step("relu", f.linear(f"h.{i}.fc", x, 4))
        x = f.step("add", z, x)
    assert (
        body_text(folded(*f.network(x)))
        == """\
    v1: [B, 4] = add(x, y)
    for p in h[0:3]:
        v1_in: [B, 4] = v1, then v4
        v3: [B, 4] = block(v1_in; p)
        v4: [B, 4] = add(v3, v1_in)
    v10: [B, 4] = the last v4"""
    )


def test_a_call_that_goes_on_after_its_end_is_refused() -> None:
    network, keys = mlp()
    body = network.forward.body
    stray = Step("neg", (body[-1].output,), (Value("n", ("B", 2)),), modules=body[0].modules)
    forward = replace(network.forward, body=(*body, stray))
    with pytest.raises(BackhandError) as caught:
        tree(replace(network, forward=forward), keys)
    assert str(caught.value) == (
        "n: [B, 2] = neg(v7): the call of `h` (Sequential) goes on after it has ended\n"
        "  repair: this is a mistake in backhand's capture; please report it with the network"
    )


def test_paths_below_a_module() -> None:
    assert below("h.0.attn", "h.0") == "attn"
    assert below("h.0", "") == "h.0"
    assert below("h.01", "h.0") == "/h.01"


@pytest.mark.parametrize("trace", ["layers", "modules", "wide"])
def test_eight_thousand_steps_take_little_time(trace: str) -> None:
    """A second or two, of which much is the checking; the bound leaves room for a busy machine."""
    f = Flat(x=("B", 4))
    x = f.inputs[0]
    made = [x]
    for i in range(8000):
        path = f"h.{i // 8}" if trace == "modules" else ""
        if i % 8 == 0 and trace == "modules":
            f.stack = (*f.stack[:1], Module(path, "Block"))
        source = made[i * 7919 % len(made)] if trace == "wide" else made[-1]
        key = f"w.{i % 8 if trace == 'modules' else i}"
        made.append(f.step("linear", source, f.parameter(key, (4, 4))))
    network, keys = f.network(made[-1])
    begin = time.process_time()
    nested = folded(network, keys)
    unrolled(nested)
    assert time.process_time() - begin < 15
    assert (sum(len(kind.body) for kind in nested.kinds) < 20) == (trace != "wide")


def test_a_call_knows_its_module() -> None:
    network, keys = called_twice()
    (encoder,) = [kind for kind in tree(network, keys).functions if kind.class_name == "Encoder"]
    calls = [part for part in encoder.body if isinstance(part, Call)]
    assert [call.module for call in calls] == [Module("cell", "Block"), Module("cell", "Block", 1)]
