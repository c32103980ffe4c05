"""Kinks: numbers so near a border that the two programs take different sides, both rightly.

A ReLU whose input is 1e-9 in one program and -1e-9 in the other passes its derivative on in one of
them only. From then on the weights differ by as much as a step of training changes them, and no
bound on rounding says anything about it.

What a step decides by is found by running it on arrays that note every comparison, sign, larger of
two, and position of a largest that is asked for, in a rule's own text and in what it calls: so a
user's rule is covered like any other. Many borders change nothing, such as that of the two formulas
of a sigmoid, which meet at 0. A flip counts only where the step's result jumps.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from math import prod
from typing import Any, ClassVar

import numpy as np

from backhand.agreement.carried import CALL, WORK, batch_of, shape_of
from backhand.experiment import Experiment
from backhand.graph import Step, Value
from backhand.rounding.lasting import Lasting, plain
from backhand.rules.operations import operation
from backhand.run.trace import Trace

JUMP = 8
"""A result jumps where it changes by so many times what it changes by on either side of the border,
for the same distance."""
NOISE = 64
"""And by so many units in the last place of its largest number."""


@dataclass(frozen=True)
class Flip:
    """One number on either side of a border.

    `index` is its place in `value`; `result` is what the step makes whose result jumps there.
    `number` is the first trace's, `other` the second's.
    """

    epoch: int
    value: str
    index: tuple[int, ...]
    number: float
    other: float
    result: str


@dataclass(frozen=True)
class Kink:
    """A value that some step decides by, of `size` numbers in an epoch.

    `value` is the name of an input of the step, or, of a number that only stands within a rule,
    the name of what the step makes. `counts[i]` of its numbers are on different sides in
    `Signs.epochs[i]`; `first` is the first of them.
    """

    value: str
    size: int
    counts: tuple[int, ...]
    first: Flip | None


@dataclass(frozen=True)
class Signs:
    """Every kink, epoch by epoch: the epochs of both traces, or some of very many."""

    epochs: tuple[int, ...]
    kinks: tuple[Kink, ...]

    @property
    def first(self) -> Flip | None:
        """The first flip of all."""
        flips = [kink.first for kink in self.kinks if kink.first]
        return min(flips, key=lambda flip: flip.epoch, default=None)

    @property
    def flipped(self) -> tuple[int, ...]:
        """The epochs in which any number is on different sides."""
        counts = [kink.counts for kink in self.kinks]
        return tuple(e for i, e in enumerate(self.epochs) if any(c[i] for c in counts))


def signs(experiment: Experiment, first: Trace, second: Trace) -> Signs:
    """Compare the sides that two traces take at every kink of a network, in training.

    Each step is run on what the traces hold of its inputs, weights as they were before the epoch's
    update. An input that one of them lacks is taken to be ones on both sides, so that nothing flips
    by it; for a derivative that is multiplied with, that is enough.

    Args:
        experiment: whose network is looked through, forward, loss and backward.
        first: one program's trace.
        second: the other's, of the same epochs.
    """
    traces = (first, second)
    steps = [s for kind in experiment.network.kinds for s in kind.body]
    deciding: list[tuple[Step, list[list[Source]]]] = []
    for step in steps if first.epochs else ():
        if not any(v.role == "generator" for v in step.inputs):
            sources = [[_source(v, experiment, t, traces) for v in step.inputs] for t in traces]
            if run(step, [source(0) for source in sources[0]]).decisions:
                deciding.append((step, sources))
    looked_at = _affordable(experiment, [step for step, _ in deciding], len(first.epochs))
    epochs = tuple(first.epochs[at] for at in looked_at)
    found: dict[str, _Found] = {}
    for step, sources in deciding:
        for place, at in enumerate(looked_at):
            ours, theirs = (run(step, [source(at) for source in side]) for side in sources)
            for value, size, count, flip in _flips(epochs[place], ours, theirs):
                kink = found.setdefault(value, _Found(size, [0] * len(epochs)))
                kink.counts[place] = max(kink.counts[place], count)
                kink.flips += [flip] if flip else []
    return Signs(epochs, tuple(kink.finished(value) for value, kink in found.items()))


def _affordable(experiment: Experiment, steps: Sequence[Step], epochs: int) -> list[int]:
    """The positions of the epochs to look at: all, unless that is too much work."""
    batch = batch_of(experiment)
    inputs = [v for step in steps for v in step.inputs]
    work = 2 * sum(prod(shape_of(v, batch)) + CALL for v in inputs)
    most = max(2, WORK // max(work, 1))
    return sorted({int(i) for i in np.linspace(0, epochs - 1, min(epochs, most)).round()})


@dataclass
class _Found:
    """A kink while it is looked for, in one step after the other."""

    size: int
    counts: list[int]
    flips: list[Flip] = field(default_factory=list)

    def finished(self, value: str) -> Kink:
        first = min(self.flips, key=lambda flip: flip.epoch, default=None)
        return Kink(value, self.size, tuple(self.counts), first)


def _flips(epoch: int, ours: "Run", theirs: "Run") -> Iterator[tuple[str, int, int, Flip | None]]:
    """For each decision of a step: the value, its size, how many numbers flip, the first of them.

    Where the two runs took different branches of a rule in Python, the decision that led to them is
    the last that both made.
    """
    both = zip(ours.decisions, theirs.decisions, strict=False)
    pairs = [(a, b) for a, b in both if a.sides.shape == b.sides.shape]
    differ = [a.sides != b.sides for a, b in pairs]
    jumps = any(d.any() for d in differ) and _jumps(ours, theirs)
    for (a, b), flipped in zip(pairs, differ, strict=True):
        count = int(np.count_nonzero(flipped)) if jumps else 0
        flip = None
        if count:
            index = tuple(int(i) for i in np.unravel_index(int(np.argmax(flipped)), flipped.shape))
            numbers = float(a.numbers[index]), float(b.numbers[index])
            flip = Flip(epoch, a.value, index, *numbers, made_by(ours.step))
        yield a.value, a.sides.size, count, flip


def _jumps(ours: "Run", theirs: "Run") -> bool:
    """Whether a step's result changes more from one run to the other than it does on either side.

    There it is measured over the same distance: from a to a - (b - a), from b to b + (b - a).
    """
    away = [ours.beyond(theirs), theirs.beyond(ours)]
    for a, b, before, after in zip(ours.results, theirs.results, *away, strict=True):
        if a.shape == b.shape == before.shape == after.shape and a.dtype.kind == "f":
            smooth = np.abs(before - a) + np.abs(after - b)
            unit = max(np.finfo(a.dtype).eps, np.finfo(b.dtype).eps)
            noise = NOISE * unit * np.max(np.abs(a), initial=0.0)
            if (np.abs(b - a) > JUMP * smooth + noise).any():
                return True
    return False


# --- what a step is given -------------------------------------------------------------------------

Source = Callable[[int], Any]
"""An input by the position of its epoch."""


def _source(value: Value, experiment: Experiment, trace: Trace, traces: Sequence[Trace]) -> Source:
    literal, name = value.literal, value.name
    if literal is not None:
        return lambda at: literal
    dtype = next(iter(trace.training.values())).dtype
    if name in experiment.arrays and value.role != "parameter":
        data = experiment.arrays[name].astype(dtype)
        return lambda at: Given(name, data)
    if not all(name in t.training for t in traces):
        ones = np.ones(shape_of(value, batch_of(experiment)), dtype)
        return lambda at: Given("", ones)
    if value.role == "parameter":
        return lambda at: Given(name, _before(trace, name, at))
    return lambda at: Given(name, trace.training[name][at])


def _before(trace: Trace, weight: str, at: int) -> np.ndarray:
    """A weight before the update of an epoch; after it, where the epoch before was not kept."""
    epoch = trace.epochs[at]
    if epoch == 1:
        return trace.evaluation[weight]
    is_next = trace.epochs[at - 1] == epoch - 1
    kept: np.ndarray = trace.training[weight][at - 1 if is_next else at]
    return kept


@dataclass(frozen=True)
class Given:
    """An array with the name by which it is told of; none if it stands in for one."""

    name: str
    array: np.ndarray


# --- what a step decides --------------------------------------------------------------------------


@dataclass(frozen=True)
class Decision:
    """What was asked of `numbers`, element by element: `sides` has the answers.

    `value` is the name of the input whose numbers they are, or of what the step makes.
    """

    value: str
    sides: np.ndarray
    numbers: np.ndarray


@dataclass(frozen=True)
class Run:
    """A step, run: what it was given, what it decided, and its results."""

    step: Step
    given: Sequence[Any]
    decisions: tuple[Decision, ...]
    results: tuple[np.ndarray, ...]

    def beyond(self, other: "Run") -> tuple[np.ndarray, ...]:
        """The results as far away from this run as the other is, to the other side."""
        mirrored = [
            replace(a, array=2 * a.array - b.array) if isinstance(a, Given) else a
            for a, b in zip(self.given, other.given, strict=True)
        ]
        return run(self.step, mirrored).results


def made_by(step: Step) -> str:
    """What a step makes, by name if it has one."""
    return next((v.name for v in step.made() if not v.is_nameless), step.function)


def run(step: Step, given: Sequence[Any]) -> Run:
    """Run a step on arrays that note what they are asked."""
    found: list[Decision] = []
    known: dict[int, str] = {}

    class Watched(Asking):
        decisions, names, otherwise = found, known, made_by(step)

    arrays = [x.array.view(Watched) if isinstance(x, Given) else x for x in given]
    known |= {id(a): x.name for a, x in zip(arrays, given, strict=True) if isinstance(x, Given)}
    with np.errstate(all="ignore"):
        results = operation(step.function).results(tuple(arrays), dict(step.attributes))
    return Run(step, given, tuple(found), tuple(np.asarray(plain(x)) for x in results))


class Asking(Lasting):
    """An array that notes what is decided by it."""

    decisions: ClassVar[list[Decision]]
    names: ClassVar[dict[int, str]]
    otherwise: ClassVar[str]

    def __array_ufunc__(
        self, ufunc: np.ufunc, method: str, *inputs: Any, out: Any = None, **options: Any
    ) -> Any:
        operands = list(map(plain, inputs))
        if out is not None:
            options["out"] = tuple(map(plain, out))
        if method == "__call__" and ufunc in SIDES:
            asked = next((x for x in inputs if isinstance(x, Asking)), self)
            self.note(asked, SIDES[ufunc](*operands))
        result = getattr(ufunc, method)(*operands, **options)
        return self.lasting(result) if out is None else out[0]

    def note(self, asked: np.ndarray, sides: Any) -> None:
        """Write down what was decided by an array."""
        found = np.asarray(sides)
        numbers = plain(asked) if asked.shape == found.shape else found
        name = self.names.get(id(asked)) or self.otherwise
        self.decisions.append(Decision(name, found, np.array(numbers)))


def _sign(x: Any) -> Any:
    return np.greater(x, 0).astype(np.int8) - np.less(x, 0)


SIDES: dict[np.ufunc, Callable[..., Any]] = {
    **{u: u for u in (np.greater, np.greater_equal, np.less, np.less_equal, np.equal,
                      np.not_equal, np.floor, np.ceil, np.rint, np.trunc)},
    **dict.fromkeys((np.maximum, np.minimum, np.fmax, np.fmin), np.greater),
    **dict.fromkeys((np.absolute, np.fabs, np.sign, np.signbit), _sign),
    np.heaviside: lambda x, _: _sign(x),
    np.copysign: lambda _, x: _sign(x),
}  # fmt: skip
"""What each function decides by its operands."""


def _deciding(name: str) -> Callable[..., Any]:
    method = getattr(np.ndarray, name)

    def decide(self: Asking, *args: Any, **kwargs: Any) -> Any:
        position = method(plain(self), *args, **kwargs)
        self.note(self, position)
        return position

    return decide


for _name in ("argmax", "argmin", "argsort"):
    setattr(Asking, _name, _deciding(_name))
