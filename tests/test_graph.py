"""The graph's grammar, and its text."""

from dataclasses import replace

import pytest

from backhand.errors import BackhandError
from backhand.graph import (
    Argument,
    Call,
    Carried,
    Each,
    Kind,
    Loop,
    Module,
    Nested,
    NestedKind,
    Network,
    Slice,
    Statement,
    Step,
    Value,
    check,
    shape_text,
)

X = Value("x", ("B", 3), "input")
W = Value("w1", (3, 2), "parameter")
Z = Value("z", ("B", 2))
P = Value("p", ("B", 2))
HALF = Value("0.5", (), "constant", 0.5)
GOOD = (
    Step("matmul", (X, W), (Z,)),
    Step("softmax", (Z,), (P,), (("axis", -1),)),
)


def network(*body: Step, outputs: tuple[Value, ...] = (P,)) -> Network:
    return Network("net", (("B", "batch"),), Kind("network", (X,), (W,), outputs, body))


def test_a_network_that_obeys_passes_unchanged() -> None:
    good = network(*GOOD)
    assert check(good) is good


NAMELESS = Value("%1", ("B", 2))
BROKEN = {
    "used before it is made": (
        (GOOD[1], GOOD[0]),
        "p: [B, 2] = softmax(z, axis=-1) uses z before it is made",
    ),
    "never made": (
        (GOOD[0], Step("add", (Z, Value("v", (2,))), (P,))),
        "p: [B, 2] = add(z, v) uses v before it is made",
    ),
    "made twice": (
        (GOOD[0], Step("relu", (Z,), (Z,)), GOOD[1]),
        "z is made twice",
    ),
    "an input made again": (
        (Step("relu", (X,), (X,)), *GOOD),
        "x is made twice",
    ),
    "another shape": (
        (GOOD[0], Step("softmax", (replace(Z, shape=("B", 3)),), (P,))),
        "p: [B, 2] = softmax(z) changes the shape of z",
    ),
    "no maker of an output": (GOOD[:1], "output p has no maker"),
    "nameless used twice": (
        (Step("matmul", (X, W), (NAMELESS,)), Step("add", (NAMELESS, NAMELESS), (P,))),
        "nameless %1 must be used exactly once",
    ),
    "nameless never used": (
        (*GOOD, Step("neg", (Z,), (NAMELESS,))),
        "nameless %1 must be used exactly once",
    ),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_planted_violation_is_refused(name: str) -> None:
    body, what = BROKEN[name]
    with pytest.raises(BackhandError) as caught:
        check(network(*body))
    assert str(caught.value) == (
        f"network: the graph breaks its grammar: {what}\n"
        "  repair: this is a mistake in backhand or in a rule; please report it with the network"
    )


def test_before_names_are_given_a_nameless_value_may_be_used_twice() -> None:
    body, _ = BROKEN["nameless used twice"]
    check(network(*body), named=False)


def test_the_backward_pass_is_checked_as_well() -> None:
    backward = Kind("network_backward", (X,), (W,), (), (Step("neg", (Z,), (Value("dz", (2,)),)),))
    check(replace(network(*GOOD), backward=replace(backward, body=())))
    check(replace(network(*GOOD), backward=replace(backward, inputs=(Z,))), named=False)
    stray = Step("neg", (Value("q", (2,)),), (Value("dq", (2,)),))
    with pytest.raises(BackhandError, match="uses q before it is made"):
        check(replace(network(*GOOD), backward=replace(backward, body=(stray,))))


def test_a_number_needs_no_maker() -> None:
    check(network(GOOD[0], Step("mul", (HALF, Z), (P,))))


def test_the_text() -> None:
    body = (GOOD[0], Step("split", (Z,), (P, None)), Step("mul", (HALF, P), (Value("q", ()),)))
    assert str(network(*body)) == (
        "network(x: [B, 3], w1: [3, 2]) -> p: [B, 2]:\n"
        "    z: [B, 2] = matmul(x, w1)\n"
        "    p: [B, 2], _ = split(z)\n"
        "    q: [] = mul(0.5, p)"
    )
    assert shape_text(("B", 3)) == "[B, 3]"


def test_finding_the_maker() -> None:
    forward = network(*GOOD).forward
    assert forward.maker("p") is GOOD[1]
    assert forward.maker("x") is None
    assert [value.name for value in forward.values()] == ["x", "w1", "z", "p"]


# --- calls and loops ----------------------------------------------------------------------------

K_X, K_W = Value("x", ("B", "C"), "input"), Value("w", ("C", "D"), "parameter")
K_Y = Value("y", ("B", "D"))
RATE = Value("rate", (), "constant")
LAYER: NestedKind = Kind(
    "layer",
    (K_X,),
    (K_W,),
    (K_Y,),
    (
        Step("matmul", (K_X, K_W), (Value("z", ("B", "D")),)),
        Step("scale", (Value("z", ("B", "D")), RATE), (K_Y,), (("by", Argument("rate")),)),
    ),
    paths=(("w",),),
    attributes=("rate",),
    sizes=("C", "D"),
    class_name="Layer",
)
V = [Value(f"v{i}", ("B", 4)) for i in range(4)]
WEIGHTS = tuple(Value(f"h_{i}_w", (4, 4), "parameter") for i in range(3))
START = Value("x", ("B", 4), "input")
FOURS = (("C", 4), ("D", 4))


def layer_call(x: Value, w: Value, y: Value | None, path: str = "h.0") -> Call:
    module = (Module(path, "Layer"),)
    return Call("layer", (x,), (w,), (y,), module, (("rate", 0.5),), FOURS)


BEFORE, INNER, W_INNER = Value("x_in", ("B", 4)), Value("y", ("B", 4)), Value("p.w", (4, 4))
LOOP = Loop(
    3,
    (Slice("p", "h", 0, 3),),
    (Carried(BEFORE, START, INNER),),
    (),
    (Each(W_INNER, WEIGHTS),),
    (),
    (layer_call(BEFORE, W_INNER, INNER, "p"),),
    (Each(INNER, (V[1], None, V[3])),),
)


def nested(*body: Statement, functions: tuple[NestedKind, ...] = (LAYER,)) -> Nested:
    forward: NestedKind = Kind("network", (START,), WEIGHTS, (), body)
    return Network("net", (("B", "batch"),), forward, functions=functions)


CALL = layer_call(START, WEIGHTS[0], V[1])


def test_calls_and_loops_that_obey_pass_unchanged() -> None:
    for good in (nested(CALL), nested(LOOP), nested(CALL, replace(LOOP, collected=()))):
        assert check(good) is good


def test_the_text_of_a_call_and_a_loop() -> None:
    assert (
        str(nested(layer_call(START, WEIGHTS[0], V[0]), LOOP))
        == """\
layer(x: [B, C]; w: [C, D], rate) -> y: [B, D]:
    z: [B, D] = matmul(x, w)
    y: [B, D] = scale(z, rate, by=rate)

network(x: [B, 4], h_0_w: [4, 4], h_1_w: [4, 4], h_2_w: [4, 4]) -> :
    v0: [B, 4] = layer(x; h.0, rate=0.5)
    for p in h[0:3]:
        x_in: [B, 4] = x, then y
        y: [B, 4] = layer(x_in; p, rate=0.5)
    v1: [B, 4], _, v3: [B, 4] = every y"""
    )


WIDE = Value("wide", ("B", 9))
HEAD = "for p in h[0:3]:"
ITSELF = replace(CALL, inputs=(K_X,), parameters=(K_W,), outputs=(K_Y,))
BROKEN_CALLS: dict[str, tuple[Nested, str]] = {
    "a kind that is not there": (nested(CALL, functions=()), "a kind that does not stand before"),
    "a kind that calls itself": (
        nested(functions=(replace(LAYER, body=(ITSELF,)),)),
        "y: [B, D] = layer(x; h.0, rate=0.5) calls a kind that does not stand before it",
    ),
    "a kind that stands later": (
        nested(functions=(Kind("outer", (START,), (WEIGHTS[0],), (), (CALL,), (("w",),)), LAYER)),
        "calls a kind that does not stand before it",
    ),
    "two kinds of one name": (nested(functions=(LAYER, LAYER)), "two kinds of this name"),
    "a parameter without a path": (
        nested(functions=(replace(LAYER, paths=()),)),
        "each parameter needs its path",
    ),
    "an input too many": (nested(replace(CALL, inputs=(START, START))), "2 inputs where layer has"),
    "a parameter too few": (nested(replace(CALL, parameters=())), "0 parameters where layer has 1"),
    "an output too few": (nested(replace(CALL, outputs=())), "0 outputs where layer has 1"),
    "another shape of an output": (
        nested(replace(CALL, outputs=(WIDE,))),
        "wide is [B, 9] where layer has [B, 4]",
    ),
    "other sizes": (
        nested(replace(CALL, sizes=(("C", 5), ("D", 4)))),
        "x is [B, 4] where layer has [B, 5]",
    ),
    "sizes not said": (nested(replace(CALL, sizes=())), "what layer's own sizes are"),
    "attributes not given": (nested(replace(CALL, attributes=())), "the attributes of layer"),
    "an argument that no call gives": (
        nested(Step("scale", (START,), (V[1],), (("by", Argument("rate")),))),
        "reads rate, which no call gives",
    ),
    "made twice by a call": (nested(CALL, CALL), "v1 is made twice"),
    "one repetition": (nested(replace(LOOP, times=1)), f"{HEAD} is no repetition"),
    "a parameter missing for a repetition": (
        nested(replace(LOOP, parameters=(Each(W_INNER, WEIGHTS[:2]),))),
        f"{HEAD} does not say what each repetition gets",
    ),
    "none where one is needed": (
        nested(replace(LOOP, parameters=(Each(W_INNER, (*WEIGHTS[:2], None)),))),
        f"{HEAD} leaves a repetition without its value",
    ),
    "a start that is not made": (
        nested(replace(LOOP, carried=(Carried(BEFORE, V[2], INNER),))),
        f"{HEAD} uses v2 before it is made",
    ),
    "carried on from nowhere": (
        nested(replace(LOOP, carried=(Carried(BEFORE, START, V[2]),))),
        f"{HEAD} uses v2 before it is made",
    ),
    "read in a loop without saying so": (
        nested(replace(LOOP, body=(*LOOP.body, Step("neg", (START,), (V[2],))))),
        "v2: [B, 4] = neg(x) uses x before it is made",
    ),
    "said to be read": (nested(replace(LOOP, invariant=(START,))), f"{HEAD} does not use x"),
    "read behind the loop": (
        nested(LOOP, Step("neg", (INNER,), (V[2],))),
        "v2: [B, 4] = neg(y) uses y before it is made",
    ),
    "a name of the loop made again": (nested(LOOP, Step("neg", (START,), (INNER,))), "made twice"),
    "collected with another shape": (
        nested(replace(LOOP, collected=(Each(INNER, (WIDE, None, None)),))),
        f"{HEAD} wide is [B, 9] outside and [B, 4] inside",
    ),
    "carried with another shape": (
        nested(
            replace(
                LOOP,
                carried=(Carried(replace(BEFORE, shape=("B", "E")), START, INNER),),
                body=(Step("tile", (replace(BEFORE, shape=("B", "E")), W_INNER), (INNER,)),),
                sizes=(("E", (4, 5, 4)),),
            )
        ),
        f"{HEAD} changes the shape from y to x_in",
    ),
    "nameless twice in a loop": (
        nested(
            replace(
                LOOP,
                body=(
                    Step("neg", (BEFORE,), (Value("%9", ("B", 4)),)),
                    Step("pow", (Value("%9", ("B", 4)), Value("%9", ("B", 4)), W_INNER), (INNER,)),
                ),
            )
        ),
        "nameless %9 must be used exactly once",
    ),
}


@pytest.mark.parametrize("name", BROKEN_CALLS)
def test_a_planted_violation_in_a_call_or_loop_is_refused(name: str) -> None:
    broken, what = BROKEN_CALLS[name]
    with pytest.raises(BackhandError, match="the graph breaks its grammar") as caught:
        check(broken)
    assert what in str(caught.value)


def test_the_values_of_a_loop() -> None:
    forward = nested(LOOP).forward
    names = [value.name for value in forward.values()]
    assert names == ["x", "h_0_w", "h_1_w", "h_2_w", "x_in", "p.w", "y", "v1", "v3"]
    assert forward.maker("v3") is LOOP
    assert [str(Slice("p", "", 1, 6, 2)), Slice("p", "", 1, 6, 2).at(2)] == ["self[1:6:2]", "5"]
