"""Every rule that names operators of PyTorch's is found by them, and computes what they compute."""

from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from backhand.capture.aten import with_rules
from backhand.capture.exported import capture
from backhand.capture.reading import Argument
from backhand.errors import BackhandError
from backhand.graph import Kind, NamedSize, Network, Step, Value
from backhand.rules import example, register, uniform
from backhand.rules.patterns import Slot, pattern
from backhand.rules.register import DRAWN, Example, Rule, all_rules
from tests.capture.running import check_agreement

RULES = {name: rule for name, rule in all_rules().items() if rule.aten}


@pytest.fixture
def its_own_register(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rules added here are gone after each test."""
    module = __import__("backhand.rules.register", fromlist=["_rules"])
    monkeypatch.setattr(module, "_rules", module.all_rules())


SPELLINGS = {"hardsigmoid": "F.hardsigmoid(x)"}
"""Where a rule's own spelling is made of other operators."""


class Spelling(nn.Module):
    """A rule as PyTorch spells it."""

    def __init__(self, rule: Rule, of: Example) -> None:
        super().__init__()
        self.rule, self.attributes = rule, {**rule.forward.defaults, **of.attributes}
        self.rest = rule.forward.rest
        many = sum(name.removeprefix(self.rest).isdecimal() for name in of.arrays)
        alone = [p for p in rule.forward.parameters if p not in (DRAWN, self.rest)]
        self.names = [*alone, *(f"{self.rest}{i}" for i in range(many if self.rest else 0))]

    def forward(self, *arrays: Tensor) -> Any:
        named: dict[str, Any] = dict(zip(self.names, arrays, strict=True))
        if self.rest:
            named[self.rest] = [x for n, x in named.items() if n.startswith(self.rest)]
        space = {"torch": torch, "F": F, "training": True, **named, **self.attributes}
        return eval(SPELLINGS.get(self.rule.name, self.rule.torch), space)


@pytest.mark.parametrize("name", RULES)
def test_patterns_are_calls_of_operators_that_there_are(name: str) -> None:
    for found in RULES[name].aten:
        space, operator, overload = found.operator.split(".")
        schema = getattr(getattr(getattr(torch.ops, space), operator), overload)._schema
        arguments = [argument.name for argument in schema.arguments]
        assert len(found.positional) <= len(arguments)
        assert {key for key, _ in found.by_name} <= set(arguments[len(found.positional) :])


THROUGH_A_COMPOSITE = {"adaptive_max_pool1d", "adaptive_max_pool2d"}
"""One looks at the number of axes first; `composites/alone.py`."""
SPELLED = [n for n, r in RULES.items() if r.in_formulas and n not in THROUGH_A_COMPOSITE]


@pytest.mark.parametrize("name", SPELLED)
def test_a_rule_is_found_in_pytorchs_own_spelling_of_it(name: str) -> None:
    """Those that only modules use are spelled by PyTorch's own samples: see tests/opinfo."""
    rule = RULES[name]
    found = 0
    for one in rule.examples:
        module = Spelling(rule, one)
        numbers = np.random.default_rng(0)
        args = [torch.from_numpy(one.arrays[n].draw(numbers)) for n in module.names]
        try:
            captured = capture(module, args, training=True)
        except BackhandError:
            continue  # an example may be spelled by other operators
        found += any(step.function == name for step in captured.network.forward.body)
        check_agreement(module, captured, args, {})
    assert found


def test_a_pattern_is_read() -> None:
    found = pattern('gelu.default(x, approximate="tanh")')
    assert (found.operator, found.positional) == ("aten.gelu.default", (Slot("x"),))
    assert (found.by_name, found.slots) == ((("approximate", "tanh"),), ("x",))
    assert pattern("mean.dim(x, [axis], -1, _)").positional == (
        Slot("x"), (Slot("axis"),), -1, Slot("_"),
    )  # fmt: skip
    assert pattern("mine.gate.default(x)").operator == "mine.gate.default"


# --- every argument is accounted for -------------------------------------------------------------

SCHEMA = (
    Argument("self"),
    Argument("dim"),
    Argument("dtype", None, True),
    Argument("flag", False, True),
)
X = Value("x", ("B", 3), "input")


def matched(text: str, **given: Any) -> tuple[tuple[str, Any], ...] | None:
    """The attributes that the rule `one` gets by a pattern, or None where it does not fit."""
    arguments = {"self": "@0", "dim": 1, "dtype": None, "flag": False, **given}
    step = Step("aten.one.default", (X,), (Value("%1", ("B", 3)),), tuple(arguments.items()))
    register("one", one, one_backward, wrt="x", torch="x", aten=text,
             examples=[example(x=uniform(0, 1, (2, 3)))])  # fmt: skip
    kind = Kind("network", (X,), (), (step.output,), (step,))
    network, missing = with_rules(Network("net", (), kind), {"aten.one.default": SCHEMA}, {}, {})
    return None if missing else network.forward.body[0].attributes


def one(x, *, axis=0):  # type: ignore[no-untyped-def]
    return x


def one_backward(dy):  # type: ignore[no-untyped-def]
    return dy


FITS = {
    "left out, at its default": ("one.default(x, axis)", {}, (("axis", 1),)),
    "left out, asked for": ("one.default(x, axis)", {"dtype": "float32"}, None),
    "left out, true where false is the default": ("one.default(x, axis)", {"flag": True}, None),
    "zero is not false": ("one.default(x, axis)", {"flag": 0}, None),
    "a literal": ("one.default(x, 1)", {}, (("axis", 0),)),
    "another literal": ("one.default(x, 2)", {}, None),
    "one is not true": ("one.default(x, True)", {}, None),
    "a literal none": ("one.default(x, axis, None)", {}, (("axis", 1),)),
    "a literal none, asked for": ("one.default(x, axis, None)", {"dtype": "float32"}, None),
    "anything": ("one.default(x, axis, _)", {"dtype": "float32"}, (("axis", 1),)),
    "a list of one": ("one.default(x, [axis])", {"dim": (2,)}, (("axis", 2),)),
    "a list of two": ("one.default(x, [axis])", {"dim": (1, 2)}, None),
    "a number for a list": ("one.default(x, [axis])", {"dim": 2}, (("axis", 2),)),
    "an empty list": ("one.default(x, [])", {"dim": ()}, (("axis", 0),)),
    "no empty list": ("one.default(x, [])", {"dim": (1,)}, None),
    "a size with a name": ("one.default(x, axis)", {"dim": "$B"}, (("axis", NamedSize("B")),)),
    "a size of PyTorch's": ("one.default(x, axis)", {"dim": "$u0"}, None),
    "a number for an array": ("one.default(axis, x)", {"self": 3, "dim": "@0"}, (("axis", 3),)),
    "an array for an option": ("one.default(x, axis)", {"dim": "@0"}, None),
    "none for an array": ("one.default(x, axis)", {"self": None}, None),
    "too few in the schema": ("one.default(x, axis, None, False, None)", {}, None),
    "no such name": ("one.default(x, axis, word=1)", {}, None),
}


@pytest.mark.usefixtures("its_own_register")
@pytest.mark.parametrize("case", FITS)
def test_every_argument_is_accounted_for(case: str) -> None:
    text, given, attributes = FITS[case]
    assert matched(text, **given) == attributes


# --- a new operator is one rule ------------------------------------------------------------------


def rows_of(w, x):  # type: ignore[no-untyped-def]
    return w[x]


def rows_of_backward(dy, w, x):  # type: ignore[no-untyped-def]
    dw = np.zeros_like(w)
    np.add.at(dw, x, dy)
    return dw


class Words(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.words = nn.Embedding(7, 4)
        self.places = nn.Embedding(9, 4)
        self.norm = nn.LayerNorm(4)
        self.lin = nn.Linear(4, 7, bias=False)
        self.lin.weight = self.words.weight

    def forward(self, words: Tensor) -> Tensor:
        places = torch.arange(words.shape[1])
        return self.lin(self.norm(self.words(words) + self.places(places)))


@pytest.mark.usefixtures("its_own_register")
def test_one_rule_more_and_a_language_model_is_captured(monkeypatch: pytest.MonkeyPatch) -> None:
    module = __import__("backhand.rules.register", fromlist=["_rules"])
    embedding = {n: r for n, r in module.all_rules().items() if "embedding.default" not in
                 "".join(p.operator for p in r.aten)}  # fmt: skip
    monkeypatch.setattr(module, "_rules", embedding)
    words, net = torch.randint(0, 7, (3, 5)), Words().double()
    with pytest.raises(BackhandError, match=r"aten\.embedding\.default"):
        capture(net, (words,))
    register(
        "rows_of", rows_of, rows_of_backward, wrt="w", none="x", torch="F.embedding(x, w)",
        examples=[example(w=uniform(-1, 1, (7, 4)), x=uniform(0, 1, (3,)))],
        aten="embedding.default(w, x, _, False, False)",
    )  # fmt: skip
    captured = capture(net, (words,))
    forward = captured.network.forward
    assert [s.function for s in forward.body] == [
        "arange", "rows_of", "rows_of", "add", "layer_norm", "linear_no_bias",
    ]  # fmt: skip
    assert (forward.inputs[0].numbers, forward.inputs[0].shape) == ("int", ("B", "T"))
    assert captured.keys["words_weight"] == ("words.weight", "lin.weight")
    check_agreement(net, captured, (torch.randint(0, 7, (2, 5)),), {})
