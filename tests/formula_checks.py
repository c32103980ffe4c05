"""What holds of the formulas of any network: safe as text, and true as numbers."""

import ast
import re
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np

from backhand.capture.spec import parse
from backhand.graph import Network, Step
from backhand.rules.operations import operation
from backhand.writers.formulas import backward_formula, forward_formula, in_words, latex, mathml
from tests.formula_reader import computed

BATCH = 7


WEIGHTS = {
    "w": "[[1, 2], [3, 4], [5, 6]]",
    "v": "[[1, 2, 3], [4, 5, 6]]",
    "b": "[1, 2]",
    "c": "[2]",
}


def network(steps: str, loss: str) -> Network:
    """A network on x [B, 3] with target y [B, 2], and those of the weights that it names."""
    used = set(re.findall(r"\w+", f"{steps} {loss}"))
    weights = "\n".join(f"{name} = {array}" for name, array in WEIGHTS.items() if name in used)
    text = f"""
        [inputs]\nx = [[1, 2, 3], [4, 5, 6]]
        [targets]\ny = [[1, 0], [0.5, 0.25]]
        [weights]\n{weights}
        [network]\nsteps = {steps.split("; ")}\nloss = "{loss}"
    """
    return parse(text, "t.toml", Path(".")).network


def all_formulas(net: Network) -> list[str]:
    assert net.backward is not None
    found = [forward_formula(step, net) for step in net.steps]
    return [f for f in (*found, *(backward_formula(s, net) for s in net.backward.body)) if f]


def check_text(net: Network) -> None:
    """Formulas are safe for LaTeX and a browser, and none makes the same value as another."""
    formulas = all_formulas(net)
    for formula in formulas:
        assert not re.search(r"np\.|%|__|\*|\\ldots|\.shape|unsummed", formula), formula
        check_balanced(formula)
        check_mathml(mathml(formula))
    lefts = [formula.split(" = ")[0] for formula in formulas]
    assert len(set(lefts)) == len(lefts)
    assert net.backward is not None
    for step in net.backward.body:
        words = in_words(step, net)
        nameless = all(value.is_nameless for value in step.made())
        assert nameless == (words == "") == (backward_formula(step, net) == "")
        assert nameless or re.fullmatch(r"[^%{}\n]+[^.]\.", words), words


def check_balanced(formula: str) -> None:
    depth = 0
    for brace in re.findall(r"(?<!\\)[{}]", formula):
        depth += 1 if brace == "{" else -1
        assert depth >= 0, formula
    assert depth == 0, formula
    assert formula.count(r"\left") == formula.count(r"\right")


def check_mathml(text: str) -> None:
    root = ElementTree.fromstring(text)
    known = "math mrow mi mn mo mtext mspace mfrac msqrt msub msup msubsup munder mtable mtr mtd"
    tags = {element.tag.rpartition("}")[2] for element in root.iter()}
    assert tags <= set(known.split())
    assert "\\" not in "".join(root.itertext())


def check_numbers(net: Network) -> None:
    """Each step on fresh numbers: what its function gives, and what its formula does."""
    assert net.backward is not None
    generator, arrays = np.random.default_rng(0), dict[str, Any]()
    values = [v for kind in net.kinds for v in kind.values()]
    for v in values:
        if v.literal is None and v.role != "generator":
            arrays[v.name] = generator.uniform(
                0.1, 0.9, [BATCH if s == "B" else s for s in v.shape]
            )
    names = latex.identifiers(
        v.name for k in net.kinds[:2] for v in k.values() if not v.is_nameless and v.literal is None
    )
    names["loss"] = "L"
    for step in net.steps:
        if step.function != "dropout_mask":
            check_step(step, forward_formula(step, net), arrays, names)
    for step in net.backward.body:
        formula = backward_formula(step, net)
        if formula:
            names[step.output.name] = formula.split(" = ")[0]
        check_step(step, formula, arrays, names)


def is_name_alone(formula: str, step: Step) -> bool:
    """Whether a formula only names a function whose lines stand in the program: there is nothing in
    it to compute."""
    stands = operation(step.function)
    calls = [n for e in stands.expressions for n in ast.walk(e) if isinstance(n, ast.Call)]
    named = {call.func.id for call in calls if isinstance(call.func, ast.Name)}
    named |= {step.function.partition(".")[0], stands.function.call.__name__}
    right = formula.partition(" = ")[2]
    return any(right.startswith(rf"\mathrm{{{name}".replace("_", r"\_")) for name in named)


def check_step(step: Step, formula: str, arrays: dict[str, Any], names: dict[str, str]) -> None:
    given = [
        np.float64(v.literal) if v.literal is not None else arrays[v.name] for v in step.inputs
    ]
    (wanted,) = operation(step.function).results(tuple(given), dict(step.attributes))
    if not formula or is_name_alone(formula, step):
        arrays[step.output.name] = wanted
        return
    known = {names[name]: array for name, array in arrays.items() if name in names} | {"B": BATCH}
    attributes = dict(step.attributes)
    rule, _, part = step.function.partition(".")
    is_reduction = part and rule in ("sum", "mean", "max")
    if is_reduction and attributes["axis"] is not None and not attributes["keepdims"]:
        # a formula says nothing of the axis that a sum took away; a reader puts it back
        arriving = step.inputs[0].name
        known[names[arriving]] = np.expand_dims(arrays[arriving], attributes["axis"])
    found = np.asarray(computed(formula, known))
    assert found.size == np.size(wanted), formula
    # both in float64, from the same numbers, by a few dozen operations in another order
    np.testing.assert_allclose(found.reshape(np.shape(wanted)), wanted, rtol=1e-9, atol=1e-12)
