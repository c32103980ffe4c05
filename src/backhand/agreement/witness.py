"""A third computation that says which of two sides is off, for the one number where they part.

For a derivative: the difference quotient of the loss, through the forward lines alone, so that it
knows of neither side's derivative. For anything else, where both formulas agree in float64 and
only a narrower format parts them: the program's own lines in float64.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from backhand.agreement.feeding import GENERATOR, Values
from backhand.agreement.judging import Element
from backhand.agreement.result import StepAgreement
from backhand.agreement.sight import Silent
from backhand.agreement.statements import Statement, statements
from backhand.experiment import Format
from backhand.run.program import namespace_of
from backhand.writers.program import Program

STEP = 1e-6
"""Of a number's size: the quotient's truncation and rounding errors are then about equal small
(Higham, Accuracy and Stability, section 1.14; central differences)."""


def testimony(
    step: StepAgreement,
    element: Element,
    values: Values,
    precision: Format,
    sides: tuple[str, str],
    program: Program,
    folder: Path,
) -> tuple[str, str]:
    """Which side is off, and the sentence that says so; empty strings if there is no witness.

    There is none for a forward line that parts in float64: the program's line is one of the sides.
    """
    made_by = statements(program.text)
    space = namespace_of(program, Silent(), np.float64, folder)
    given = {n: np.asarray(a, dtype=np.float64) for n, a in values.items() if a.dtype.kind == "f"}
    try:
        with np.errstate(all="ignore"):
            if step.part == "backward":
                number = _by_quotient(step, element, given, made_by, space)
                return spoken(number, element, sides, "the difference quotient of the loss")
            if step.part in ("forward", "loss") and precision != "float64":
                number = _by_float64(step, element, given, made_by, space)
                return spoken(number, element, sides, "the program's line in float64")
    except Exception:
        # the lines may be anybody's: no witness is better than a second failure on the way
        return "", ""
    return "", ""


def _by_quotient(
    step: StepAgreement,
    element: Element,
    given: dict[str, np.ndarray],
    made_by: Mapping[str, Statement],
    space: dict[str, Any],
) -> float:
    source = step.name.removeprefix("d")
    if source not in given or "loss" not in made_by:
        return np.nan
    forward = [s for s in dict.fromkeys(made_by.values()) if s.function != "network_backward"]
    at = abs(float(given[source][element.index]))
    h = STEP * max(at, 1e-3)

    def loss(change: float) -> float:
        moved = {**given, source: given[source].copy()}
        moved[source][element.index] += change
        stirred = {source}
        for statement in forward:
            if stirred & set(statement.reads) and GENERATOR not in statement.reads:
                moved |= _executed(statement, moved, space)
                stirred |= set(statement.makes)
        return float(moved["loss"])

    return (loss(h) - loss(-h)) / (2 * h)


def _by_float64(
    step: StepAgreement,
    element: Element,
    given: dict[str, np.ndarray],
    made_by: Mapping[str, Statement],
    space: dict[str, Any],
) -> float:
    if GENERATOR in made_by[step.name].reads:
        return np.nan
    found: dict[str, Any] = dict(given)
    for line in step.lines:  # those before it too whose values one side does not have
        if GENERATOR not in line:
            exec(line, space, found)
    return float(np.asarray(found[step.name])[element.index])


def _executed(
    statement: Statement, values: dict[str, Any], space: dict[str, Any]
) -> dict[str, Any]:
    """The values that a statement makes; it runs the program's text, which runs anyway."""
    local = dict(values)
    exec(statement.code, space, local)
    return {name: local[name] for name in statement.makes}


def spoken(number: float, element: Element, sides: tuple[str, str], what: str) -> tuple[str, str]:
    ours, theirs = sides
    far = {ours: abs(element.ours - number), theirs: abs(element.theirs - number)}
    near, off = sorted(far, key=lambda side: far[side])
    if not np.isfinite(number) or not far[near] < 0.1 * far[off]:
        return "", ""
    words = f"{what} gives {number:.9g}: {near} is near it, {off} is not"
    return off, words
