"""The graph's grammar, and its text."""

from dataclasses import replace

import pytest

from backhand.errors import BackhandError
from backhand.graph import Kind, Network, Step, Value, check, shape_text

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
