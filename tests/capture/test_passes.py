"""Each pass alone on small networks, and with a mistake planted in it, which must show."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from backhand.capture import tidying
from backhand.capture.exported import capture
from backhand.errors import BackhandError
from backhand.graph import Kind, Network, Step, Value
from backhand.passes import clutter, constants, dead, functionalise, rewriting
from tests.capture.running import check_agreement, outputs
from tests.capture.zoo import ZOO, Constants

X = torch.linspace(-1, 2, 12, dtype=torch.float64).reshape(3, 4)
VIEWS = {"aten.view.default", "aten.select.int", "aten.unfold.default"}


def value(name: str, *shape: int | str, **more: Any) -> Value:
    return Value(name, shape or ("B", 4), **more)


def step(function: str, *values: Value, **attributes: Any) -> Step:
    """A step whose last value is what it makes; arrays are its first arguments."""
    given = {"self": "@0", **({"other": "@1"} if len(values) > 2 else {}), **attributes}
    return Step(function, values[:-1], values[-1:], tuple(given.items()))


def network(*body: Step, outputs: tuple[Value, ...], stored: tuple[Value, ...] = ()) -> Network:
    return Network("net", (), Kind("network", (x, k), stored, outputs, body))


x, k = value("x", role="input"), value("k", role="input")
a, b, c, d = (value(f"%{number}") for number in range(1, 5))
w = value("w", role="buffer")
EXP, ADD_, VIEW = "aten.exp.default", "aten.add_.Tensor", "aten.view.default"


def functions(of: Network) -> list[str]:
    return [s.function for s in of.forward.body]


# --- functionalise -------------------------------------------------------------------------------


def functional(of: Network) -> tuple[Network, dict[str, Value]]:
    """With what every view makes sharing its memory."""
    shared = {v.name for s in of.forward.body if s.function in VIEWS for v in s.made()}
    numbers = iter(range(20, 99))
    return functionalise.functionalise(
        of, shared, lambda like: replace(like, name=f"%{next(numbers)}", role="step")
    )


def test_in_place_steps_make_new_values() -> None:
    made = (
        step(EXP, x, a),
        step(ADD_, a, k, b),
        step(ADD_, a, k, c),
        step("aten.mul.Tensor", a, b, d),
    )
    after, _ = functional(network(*made, outputs=(a, d)))
    assert functions(after) == [EXP, "aten.add.Tensor", "aten.add.Tensor", "aten.mul.Tensor"]
    assert [s.inputs for s in after.forward.body[1:]] == [(a, k), (b, k), (c, c)]
    assert after.forward.outputs == (c, d)


def test_what_is_written_into_a_part_makes_a_new_whole() -> None:
    part = step("aten.select.int", x, a, dim=1, index=0)
    after, _ = functional(network(part, step(ADD_, a, k, b), step(EXP, x, c), outputs=(c, a)))
    put, exp = after.forward.body[2:]
    assert put.function == "aten.select_scatter.default"
    assert put.inputs == (x, b)
    assert put.attributes == (("self", "@0"), ("src", "@1"), ("dim", 1), ("index", 0))
    assert exp.inputs == put.outputs
    assert after.forward.outputs == (c, b)


def test_a_view_is_made_again_after_the_array_was_written_to() -> None:
    body = step(EXP, x, d), step(VIEW, d, a), step(ADD_, d, k, b), step(EXP, a, c)
    after, _ = functional(network(*body, outputs=(c,)))
    assert functions(after) == [EXP, VIEW, "aten.add.Tensor", VIEW, EXP]
    assert after.forward.body[3].inputs == (b,)
    assert after.forward.body[4].inputs == after.forward.body[3].outputs


def test_the_new_value_of_a_buffer_leaves_the_network() -> None:
    body = step(ADD_, w, k, b), step(EXP, b, c)
    after, updated = functional(network(*body, outputs=(c,), stored=(w,)))
    assert functions(after) == ["aten.add.Tensor", EXP]
    assert updated == {"w": b}
    assert after.forward.outputs == (c, b)


class Statistics(nn.Module):
    """Statistics that batch norm writes into: of a copy, or of a row, what the buffer keeps."""

    def __init__(self, of_a_row: bool) -> None:
        super().__init__()
        self.of_a_row = of_a_row
        self.register_buffer("kept", torch.ones(2, 4))

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        mean, var = self.kept if self.of_a_row else self.kept.clone()
        y = nn.functional.batch_norm(x, mean, var, training=True)
        return y, mean, self.kept + var


@pytest.mark.parametrize("of_a_row", [False, True])
def test_batch_norm_writes_into_whatever_holds_its_statistics(of_a_row: bool) -> None:
    module = Statistics(of_a_row).double()
    found = capture(module, (X,))
    check_agreement(module, found, (X,), {})
    assert len(found.updated) == of_a_row
    kept = outputs(found, (X,), {}, exact=True)[3:]
    assert all(np.abs(new - module.kept.numpy()).max() < 1e-14 for new in kept)


LEFT = {
    "into a parameter": (step(ADD_, replace(w, role="parameter"), k, b), step(EXP, b, c)),
    "through a view that is not known": (
        step("aten.unfold.default", x, a),
        step(ADD_, a, k, b),
        step(EXP, x, c),
    ),
}


@pytest.mark.parametrize("name", LEFT)
def test_what_cannot_be_put_back_is_left_to_be_refused(name: str) -> None:
    stored = (replace(w, role="parameter"),)
    after, _ = functional(network(*LEFT[name], outputs=(c,), stored=stored))
    assert functionalise.is_in_place(after.forward.body[-2].function)


def test_a_view_that_nobody_reads_any_more_hinders_nothing() -> None:
    body = step(EXP, x, d), step(VIEW, d, a), step(EXP, a, b), step(ADD_, d, k, c)
    after, _ = functional(network(*body, outputs=(b, c)))
    assert functions(after)[-1] == "aten.add.Tensor"


@pytest.mark.parametrize(
    ("function", "plain"),
    [
        ("aten.add_.Tensor", "aten.add.Tensor"),
        ("aten.relu_.default", "aten.relu.default"),
        ("aten.__and__.Tensor", "aten.__and__.Tensor"),
        ("aten._softmax.default", "aten._softmax.default"),
        ("getitem", "getitem"),
    ],
)
def test_the_mark_of_an_operator_in_place(function: str, plain: str) -> None:
    assert functionalise.without_mark(function) == plain


# --- dead ----------------------------------------------------------------------------------------


def test_dead_steps_go_and_draws_stay() -> None:
    drop = step("aten.dropout.default", x, c, p=0.5, train=True)
    body = step(EXP, x, a), step(EXP, a, b), drop, Step("aten._assert.default", (x,), ())
    after = dead.without_dead(network(*body, outputs=(k,), stored=(w,)), {"aten.dropout.default"})
    assert (functions(after), after.forward.parameters) == (["aten.dropout.default"], ())


# --- constants -----------------------------------------------------------------------------------


def folded(*body: Step, outputs: tuple[Value, ...], stored: tuple[Value, ...] = ()) -> Any:
    def compute(s: Step, known: Any) -> tuple[np.ndarray, ...] | None:
        if s.function == "random":
            return None
        return (sum((known[v.name] for v in s.inputs), np.ones(s.output.shape)),)

    names = iter(("c1", "c2"))
    arrays = {v.name: np.full(v.shape, 2.0) for v in stored}
    before = network(*body, outputs=outputs, stored=stored)
    return constants.fold(before, arrays, compute, lambda _: next(names))


def test_constants_are_folded_up_to_the_first_step_that_is_not() -> None:
    one, two, gain = value("%1", 4), value("%2", 4), value("gain", 4, role="buffer")
    ones = Step("aten.ones.default", (), (one,))
    after, arrays, _ = folded(
        ones,
        step(EXP, one, gain, two),
        step(EXP, x, two, c),
        step(EXP, c, gain, d),
        outputs=(d,),
        stored=(gain,),
    )
    assert [s.inputs for s in after.forward.body] == [
        (x, replace(two, name="c1", role="constant")),
        (c, gain),
    ]
    assert {name: list(array) for name, array in arrays.items()} == {
        "gain": [2.0] * 4,
        "c1": [4.0] * 4,
    }


def test_what_has_a_size_with_a_name_draws_or_changes_is_no_constant() -> None:
    gain = value("gain", 4, role="buffer")
    free = Step("aten.ones.default", (), (a,))
    drawn = Step("random", (), (value("%2", 4),))
    change = step(ADD_, gain, k, value("%3", 4))
    after, arrays, _ = folded(
        free, drawn, change, step(EXP, gain, value("%4", 4)), outputs=(a,), stored=(gain,)
    )
    assert (len(after.forward.body), list(arrays)) == (4, ["gain"])


@pytest.mark.parametrize(
    ("number", "literal"), [(0.5, 0.5), (float("inf"), None), (3, None), (True, None)]
)
def test_a_single_number_is_written_out_if_a_program_can(number: Any, literal: Any) -> None:
    one = Value("%1", ())
    before = network(
        Step("aten.one.default", (), (one,)), step("aten.mul.Tensor", x, one, b), outputs=(b,)
    )
    after, _, _ = constants.fold(before, {}, lambda *_: (np.asarray(number),), lambda _: "c1")
    assert after.forward.body[0].inputs[1].literal == literal


# --- clutter -------------------------------------------------------------------------------------

LONG, ZERO = value("%1", 4, 4), value("zero", 4, role="constant")
FORMATS = {**dict.fromkeys(("x", "k", "%1", "w", "zero"), "float64"), "%2": "float32"}
# fmt: off
CLUTTER: dict[str, tuple[Step, bool]] = {
    "clone": (step("aten.clone.default", x, a), True),
    "another namespace": (step("mine.clone.default", x, a), False),
    "dropout in evaluation": (step("aten.dropout.default", x, a, p=0.5, train=False), True),
    "dropout of nothing": (step("aten.dropout.default", x, a, p=0.0, train=True), True),
    "dropout": (step("aten.dropout.default", x, a, p=0.5, train=True), False),
    "the same shape": (step("aten.view.default", x, a), True),
    "another shape": (step("aten.view.default", x, LONG), False),
    "transposed to the same shape": (step("aten.transpose.int", x, a), False),
    "the same type": (step("aten.to.dtype", x, a), True),
    "another type": (step("aten.to.dtype", x, b), False),
    "plus 0": (step("aten.add.Tensor", x, a, other=0, alpha=1), True),
    "plus 0 that widens": (step("aten.add.Tensor", x, LONG, other=0, alpha=1), False),
    "plus 0 of another type": (step("aten.add.Tensor", x, b, other=0, alpha=1), False),
    "minus 0": (step("aten.sub.Tensor", x, a, other=0.0, alpha=1), True),
    "0 minus": (step("aten.rsub.Scalar", x, a, other=0, alpha=1), False),
    "times 1": (step("aten.mul.Tensor", x, a, other=1.0), True),
    "times 0": (step("aten.mul.Tensor", x, a, other=0), False),
    "over 1": (step("aten.div.Tensor", x, a, other=1), True),
    "over 1, rounded": (
        step("aten.div.Tensor_mode", x, a, other=1, rounding_mode="floor"),
        False,
    ),
    "plus zeros": (step("aten.add.Tensor", x, ZERO, a, alpha=1), True),
    "times zeros": (step("aten.mul.Tensor", x, ZERO, a), False),
    "plus a buffer of zeros": (step("aten.add.Tensor", x, w, a, alpha=1), False),
    "detach of data": (step("aten.detach.default", x, a), True),
    "detach of what is trained": (step("aten.detach.default", w, a), False),
}
# fmt: on


@pytest.mark.parametrize("name", CLUTTER)
def test_what_changes_nothing_goes_and_nothing_else(name: str) -> None:
    one, goes = CLUTTER[name]
    zeros = np.zeros(4)
    before = network(one, outputs=one.outputs, stored=(w, ZERO))  # type: ignore[arg-type]
    after, _ = clutter.without_clutter(before, {"zero": zeros, "w": zeros}, FORMATS, {"w"})
    assert (after.forward.body == ()) is goes
    assert after.forward.outputs == (one.inputs[:1] if goes else one.outputs)


# --- mistakes planted ----------------------------------------------------------------------------


def agrees(module: nn.Module, training: bool = False) -> bool:
    module = module.double().train(training)
    found = capture(module, (X,), training=training)
    try:
        check_agreement(module, found, (X,), {})
    except AssertionError:
        return False
    return True


class Shared(nn.Module):
    """A view sees what is written into the array behind it."""

    def forward(self, x: Tensor) -> Tensor:
        y = x.exp()
        z = y.view(y.shape)
        y += 1
        return y * z


class Counts(nn.Module):
    """A buffer that changes is no constant."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("seen", torch.zeros(4))

    def forward(self, x: Tensor) -> Tensor:
        self.seen += 1
        return x * self.seen


def drops_every_sum(old: Step, *more: Any) -> Value | None:
    return old.inputs[0] if "add" in old.function else rightly(old, *more)


rightly = clutter._handed_on


MISTAKES: dict[str, tuple[Any, str, Any, Callable[[], nn.Module]]] = {
    "sharing is not seen": (functionalise._Work, "_root", lambda _, value: value, Shared),
    "too much is clutter": (clutter, "_handed_on", drops_every_sum, Constants),
    "any number is neutral": (clutter, "_neutral", lambda s, *_: s.inputs[0], Constants),
    "a constant is taken for another": (
        constants,
        "_number",
        lambda array: float(array.flat[0]),
        Constants,
    ),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_in_a_pass_shows(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    where, what, instead, make = MISTAKES[name]
    assert make is Shared or agrees(make())
    monkeypatch.setattr(where, what, instead)
    assert not agrees(make())


def test_a_value_that_is_read_as_it_was_shows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(functionalise._Work, "read", lambda _, value: value)
    with pytest.raises(AssertionError):
        test_in_place_steps_make_new_values()


def test_a_draw_that_is_taken_for_dead_shows(monkeypatch: pytest.MonkeyPatch) -> None:
    make = ZOO["dropout, training"].module
    assert agrees(make(), training=True)
    monkeypatch.setattr(tidying, "without_dead", lambda network, *_: dead.without_dead(network, ()))
    assert not agrees(make(), training=True)


def test_a_buffer_that_changes_gets_its_new_value() -> None:
    module = Counts().double()
    found = capture(module, (X,))
    before, after = outputs(found, (X,), {}, exact=True)
    assert found.updated == {"seen": "new_seen"}
    assert [v.name for v in found.network.forward.outputs] == ["output", "new_seen"]
    assert np.array_equal(before, module(X).numpy())
    assert np.array_equal(after, module.seen.numpy())


class Written(nn.Module):
    """Parts of arrays are written to, through views of views and beside other views."""

    def forward(self, x: Tensor) -> Tensor:
        y = torch.zeros_like(x)
        y[:, 0] = x[:, 1]
        y[:, 1:].copy_(x[:, 1:])
        across = y.transpose(0, 1)
        across[1] *= 2
        row = across[2]
        y += 1
        y.view(-1, 2, 2)[:, :, 1].mul_(x[:, :2])
        return y * x + row[:, None]


def test_what_is_written_into_parts_is_what_pytorch_has_there() -> None:
    assert agrees(Written())


class Worn(nn.Module):
    """A parameter is written to, which outlives the call."""

    def __init__(self) -> None:
        super().__init__()
        self.gain = nn.Parameter(torch.ones(4), requires_grad=False)

    def forward(self, x: Tensor) -> Tensor:
        self.gain.add_(1)
        return x * self.gain


def test_what_would_be_wrong_is_refused() -> None:
    with pytest.raises(BackhandError, match=r"aten\.add_\.Tensor"):
        capture(Worn().double(), (X,))


def test_a_pass_that_breaks_the_grammar_is_stopped_at_once() -> None:
    before = network(step(EXP, x, a), step(EXP, a, b), outputs=(b,))
    with pytest.raises(BackhandError, match="uses %1 before it is made"):
        rewriting.rebuilt(before, before.forward.body[1:], {})
