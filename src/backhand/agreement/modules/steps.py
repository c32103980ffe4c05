"""A module step by step: each rule is fed PyTorch's numbers, forward and backward.

A value that PyTorch does not show (a part of an operator that takes several of our steps) is
carried on with its bound to the next that it does.
"""

from collections import ChainMap
from collections.abc import Iterator, MutableMapping, Sequence
from copy import copy
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from backhand import rounding
from backhand.agreement.feeding import apart
from backhand.agreement.formulas import BIASED, OURS, Formulas, Other
from backhand.agreement.judging import Judgement, Part, Sight, judged, misfitting
from backhand.agreement.kernels import ALIKE, FORMULAS
from backhand.agreement.modules.watched import Watched
from backhand.agreement.units import makers
from backhand.errors import BackhandError
from backhand.experiment import Precision
from backhand.graph import Step, Value
from backhand.rounding import Bounded, CannotTell, Untracked, bounded
from backhand.rules.operations import operation


@dataclass(frozen=True)
class Compared:
    """One value of one step beside PyTorch's.

    `name` is the forward value that the step makes, `by` in the backward part the name of what the
    derivative is by; `sources` what both sides were given, by name.
    """

    name: str
    part: Part
    step: Step
    by: str
    judgement: Judgement


@dataclass
class Feeding:
    """The network's steps, fed with what PyTorch made."""

    watched: Watched
    precision: Precision
    seed: int
    ours: dict[str, Any] = field(default_factory=dict)
    """What our steps have made, by the names of values."""
    fed: MutableMapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.made_by = makers(self.watched.network)
        self.generator = np.random.RandomState(self.seed)
        self.drawn: set[str] = set()

    def forward(self) -> Iterator[Compared]:
        """Every step in order; of the values that PyTorch shows, both sides."""
        for step in self.watched.network.forward.body:
            yield from self._step(step)

    def _step(self, step: Step) -> Iterator[Compared]:
        shown = [v.name for v in step.made() if v.name in self.watched.formats]
        try:
            found = results(step, [self._given(value) for value in step.inputs])
        except (Untracked, CannotTell, Unknown) as error:
            for name in shown:
                yield Compared(name, "forward", step, "", Judgement(reason=error.what))
            return
        is_draw = any(value.role == "generator" for value in step.inputs)
        for value, ours in zip(step.outputs, found, strict=True):
            if value is None:
                continue
            made = ours if isinstance(ours, Bounded) else bounded(ours)
            self.drawn |= {value.name} if is_draw else set()
            other = self.other(value.name, (step,), made)
            self.ours[value.name] = made if other is None else _by_either(made, other)
            if value.name in self.watched.formats:
                theirs = self.watched.values[value.name]
                judgement = self.judged(value.name, "forward", made, theirs, other, (step,))
                if judgement is not None:
                    yield Compared(value.name, "forward", step, "", judgement)

    def _given(self, value: Value) -> Any:
        """What a step reads: PyTorch's numbers where they are shown, or else ours."""
        if value.role == "generator":
            return self.generator
        return value.literal if value.literal is not None else self.feed(value.name)

    def feed(self, name: str) -> Bounded:
        """PyTorch's numbers, exact; ours with their bounds where PyTorch does not show any."""
        if name not in self.fed:
            if name not in self.watched.values and name not in self.ours:
                raise Unknown(f"`{name}` is not known here")
            if name not in self.watched.values:
                return self.ours[name]  # type: ignore[no-any-return]
            self.fed[name] = bounded(_as(self.watched.values[name], self.precision))
        return self.fed[name]  # type: ignore[no-any-return]

    def beside(self, found: MutableMapping[str, Any]) -> "Feeding":
        """The same, with more that is known."""
        inner = copy(self)
        inner.fed = ChainMap(found, self.fed)
        return inner

    def other(self, name: str, steps: tuple[Step, ...], ours: Bounded) -> Other | None:
        """A value by PyTorch's own formula, if that is another."""
        if not any(map(_has_formula, steps)):
            return None
        formulas = Formulas({name: steps}, {name: steps}, self.made_by, 1, frozenset(), {})
        try:
            other = formulas.value(name, self._known(steps), False)
        except (Untracked, CannotTell):
            return None
        return other if other is None or other.error.shape == ours.shape else None

    def _known(self, steps: Sequence[Step]) -> dict[str, Bounded]:
        """What some steps read and do not make."""
        made = {value.name for step in steps for value in step.made()}
        read = [v for step in steps for v in step.inputs if v.role != "generator"]
        names = (v.name for v in read if v.literal is None and v.name not in made)
        return {name: self.feed(name) for name in names}

    def judged(
        self,
        name: str,
        part: Part,
        ours: Bounded,
        theirs: np.ndarray,
        other: Other | None,
        steps: Sequence[Step],
    ) -> Judgement | None:
        """Both sides of a value; None where PyTorch computes it in another format of floats."""
        if theirs.shape != ours.shape:
            return misfitting(0, f"shapes: {ours.shape} and {theirs.shape}")
        if theirs.dtype.kind == "f" and theirs.dtype != np.dtype(self.precision):
            return None
        if theirs.dtype.kind == "f" and theirs.dtype != ours.dtype:
            return misfitting(0, f"types: {ours.dtype} and {theirs.dtype}")
        bound = 2 * ours.error if other is None else apart(ours.error, other.error, other.apart)
        if ours.dtype.kind != "f":
            bound = np.where(ours.error, np.inf, 0.0)
        read = (v.name for step in steps for v in step.inputs if v.role != "generator")
        sizes = [_largest(self.feed(n).value) for n in read if n in self.ours or n in self.fed]
        is_guess = any(map(_is_guessed, steps))
        value = np.array(ours.value)
        return judged(
            Sight(name, part, 0, value, theirs, bound, None, max(sizes, default=0.0), is_guess),
            self.precision,
        )


class Unknown(BackhandError):  # noqa: N818  (a verdict's name)
    """A value that neither side has, because the step that makes it has no bound."""


def results(step: Step, given: Sequence[Any]) -> tuple[Any, ...]:
    """What a step makes of bounded numbers."""
    call = operation(step.function).call
    found = rounding.run(call, *given, **dict[str, Any](step.attributes))
    return found if isinstance(found, tuple) else (found,)


def _as(array: np.ndarray, precision: Precision) -> np.ndarray:
    return array.astype(precision) if array.dtype.kind == "f" else array


def _largest(array: np.ndarray) -> float:
    if array.dtype.kind != "f":
        return 1.0
    return float(np.max(np.abs(array), initial=0.0, where=np.isfinite(array)))


def _has_formula(step: Step) -> bool:
    return step.function in {*FORMULAS, *BIASED, "div"}


def _is_guessed(step: Step) -> bool:
    is_ours = operation(step.function).function.call.__module__.startswith(OURS)
    known = step.function in {*FORMULAS, *ALIKE, *BIASED, "div"}
    return not (is_ours and known)


def _by_either(ours: Bounded, other: Other) -> Bounded:
    return bounded(ours.raw, np.maximum(ours.error, other.error + other.apart))
