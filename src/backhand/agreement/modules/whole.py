"""A module as a whole: the written program's text on bounded numbers beside PyTorch's call.

Nothing is fed in between, so a line that reads the wrong value shows, which no step by itself can.
"""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from backhand import rounding
from backhand.agreement.judging import WIDEST, Judgement, Part, Sight, judged, misfitting
from backhand.agreement.modules.calls import Call, random_cotangents
from backhand.agreement.modules.eager import Eager, eager
from backhand.capture.trees import paths
from backhand.errors import BackhandError
from backhand.experiment import Precision
from backhand.modules import Program, write
from backhand.modules.arguments import arrays_of
from backhand.rounding import Bounded, CannotTell, Untracked, bounded, decided

TIMES_SLOWER = 30
"""How much longer a program takes on bounded numbers, at most in the models of the tests."""
MOST_SECONDS = 120
"""A program that would take longer than this on bounded numbers is not run on them."""
SHOWS = 1e-2
"""What the whole is to show is a value read in the place of another, or a part left out. That moves
a result by a part of its size, so that a bound below this part of its largest number still tells;
that each formula is right to the last digits is for the steps to show."""


@dataclass(frozen=True)
class WholeValue:
    """One result of the whole beside PyTorch's."""

    name: str
    part: Part
    judgement: Judgement
    decides_alike: bool = False
    """Whether the bound is that of implementations that decide alike at every kink and tie."""


@dataclass(frozen=True)
class _Made:
    """What the program makes of a call."""

    outputs: list[Any]
    loss: Any
    derivatives: Mapping[str, Any]
    parameters: Mapping[str, Any]
    """Those that it was given, with the buffers as the call leaves them."""


def whole(call: Call, precision: Precision, seed: int) -> list[WholeValue]:
    """Results, loss, derivatives and buffers of a module's written program beside PyTorch's.

    Args:
        call: whose module's buffers change as they do in any call.
        precision: of its floats.
        seed: of both generators.
    """
    try:
        program = _written(call)
    except BackhandError as error:
        reason = f"the program cannot be written: {error.what}"
        return [WholeValue("the program", "forward", Judgement(reason=reason))]
    own = program.interface
    start = time.perf_counter()
    plain = _run(program, call, {}, seed, _plainly)
    seconds = time.perf_counter() - start
    cotangents: dict[int, np.ndarray] = {}
    if call.loss is None:
        shapes = [np.shape(plain.outputs[number]) for number in own.cotangents]
        drawn = random_cotangents(shapes, seed)
        cotangents = {n: c.astype(precision) for n, c in zip(own.cotangents, drawn, strict=True)}
    theirs = eager(call, own.given, own.results, own.inputs, cotangents, precision, seed)
    refused = []
    if theirs.refusal:
        reason = f"PyTorch itself cannot differentiate this module ({theirs.refusal})"
        refused = [WholeValue("the derivatives", "backward", Judgement(reason=reason))]
    largest = _largest([*program.parameters.values(), *_arrays(program, call)])

    def judgements(run: Callable[..., Any]) -> list[WholeValue]:
        pairs = _pairs(program, _run(program, call, cotangents, seed, run), theirs)
        return [WholeValue(name, part, _judged(name, part, ours, array, largest, precision))
                for name, part, ours, array in pairs]  # fmt: skip

    reason = _too_slow(seconds)
    if not reason:
        try:
            found = judgements(rounding.run)
            if all(one.judgement.verdict != "cannot tell" for one in found):
                return [*found, *refused]
            alike = judgements(_run_decided)
            return [*map(_by_either, found, alike), *refused]
        except (Untracked, CannotTell) as error:
            reason = error.what
    return [WholeValue(name, part, Judgement(reason=reason))
            for name, part, _, _ in _pairs(program, plain, theirs)]  # fmt: skip


def _too_slow(seconds: float) -> str:
    if seconds * TIMES_SLOWER <= MOST_SECONDS:
        return ""
    return (
        f"the program takes {seconds:.2g} s, and may take {TIMES_SLOWER} times that on bounded "
        f"numbers, which is more than {MOST_SECONDS} s"
    )


def _run_decided(function: Callable[..., Any], *arrays: Any) -> Any:
    with decided():
        return rounding.run(function, *arrays)


def _by_either(certain: WholeValue, alike: WholeValue) -> WholeValue:
    """Where the certain bound tells nothing, the one of implementations that decide alike may: a
    difference within that is what rounding can make, and one beyond it is no proof."""
    is_told = alike.judgement.verdict == "agrees"
    if certain.judgement.verdict != "cannot tell" or not is_told:
        return certain
    return replace(alike, decides_alike=True)


def _written(call: Call) -> Program:
    if call.loss is None:
        return write(call.module, call.args, call.kwargs)
    return write(call.module, call.args, call.kwargs, loss=call.loss, targets=call.targets)


def _arrays(program: Program, call: Call) -> list[np.ndarray]:
    own = program.interface
    return arrays_of(own.given, call.args, call.kwargs, own.inputs)


def _plainly(function: Callable[..., Any], *arrays: Any) -> Any:
    return function(*arrays)


def _run(
    program: Program,
    call: Call,
    cotangents: Mapping[int, np.ndarray],
    seed: int,
    run: Callable[..., Any],
) -> _Made:
    """Run the program's text: forward, and its derivatives where cotangents or a loss are given."""
    own, space = program.interface, program.namespace
    is_bounded = run is not _plainly
    arrays, parameters = _arrays(program, call), _copies(program.parameters, is_bounded)
    drawing = [np.random.RandomState(seed)] * own.draws
    given = [*arrays, *[parameters] * own.reads_parameters, *drawing]
    made = run(space[own.function], *given)
    results = made if len(own.output_names) + own.saves > 1 else (made,)
    outputs, saved = list(results[: len(own.output_names)]), results[len(own.output_names) :]
    if own.has_loss:
        targets = [np.asarray(target) for target in call.targets]
        again = [np.random.RandomState(seed)] * own.draws
        loss, derivatives = run(
            space["gradients"], *arrays, *targets, _copies(program.parameters, is_bounded), *again
        )
        return _Made(outputs, loss, derivatives, parameters)
    if not cotangents or not (own.differentiated or own.gives_parameters):
        return _Made(outputs, None, {}, parameters)
    carried = [cotangents[number] for number in own.cotangents]
    reads = [parameters] * own.reads_parameters_back
    back = run(space[f"{own.function}_backward"], *carried, *reads, *saved)
    parts = back if len(own.differentiated) + own.gives_parameters > 1 else (back,)
    found = dict(zip(own.differentiated, parts, strict=False))
    return _Made(
        outputs, None, {**found, **(parts[-1] if own.gives_parameters else {})}, parameters
    )


def _copies(parameters: Mapping[str, np.ndarray], is_bounded: bool) -> dict[str, Any]:
    """Copies of parameters, for the program writes into its buffers; tied ones stay one array."""
    copied: dict[int, Any] = {}
    for array in parameters.values():
        copied.setdefault(id(array), bounded(array) if is_bounded else array.copy())
    return {name: copied[id(array)] for name, array in parameters.items()}


def _pairs(program: Program, ours: _Made, theirs: Eager) -> Iterator[tuple[str, Part, Any, Any]]:
    """Everything that both sides have: its name, its part, and both."""
    names = paths(program.interface.results)
    for number, array in theirs.outputs.items():
        yield names[number] or "output", "forward", ours.outputs[number], array
    if theirs.loss is not None:
        yield "loss", "loss", ours.loss, theirs.loss
    for name, array in theirs.derivatives.items():
        yield f"d {name}", "backward", ours.derivatives.get(name, np.zeros_like(array)), array
    for name, array in theirs.buffers.items():
        if name in ours.parameters:
            yield name, "update", ours.parameters[name], array


def _judged(
    name: str, part: Part, ours: Any, theirs: np.ndarray, largest: float, precision: Precision
) -> Judgement:
    """One result; PyTorch's own formulas on the way are not bounded here, so that a small excess
    is no proof of a mistake."""
    mine = ours if isinstance(ours, Bounded) else bounded(np.asarray(ours))
    if mine.shape != theirs.shape:
        return misfitting(0, f"shapes: {mine.shape} and {theirs.shape}")
    if theirs.dtype.kind == "f" and theirs.dtype != np.dtype(precision):
        return Judgement(reason=f"PyTorch computes it in {theirs.dtype.name}")
    bound = 2 * mine.error if mine.dtype.kind == "f" else np.where(mine.error, np.inf, 0.0)
    value = np.array(mine.value)
    sight = Sight(name, part, 0, value, theirs, bound, None, largest, True)
    closely = judged(sight, precision)
    if closely.verdict != "cannot tell":
        return closely
    seen = SHOWS / WIDEST[precision] * _largest([theirs])
    coarsely = judged(replace(sight, went_in=seen, is_guess=False), precision)
    return coarsely if coarsely.verdict == "agrees" else closely


def _largest(arrays: Iterable[np.ndarray]) -> float:
    found = [float(np.max(np.abs(a), initial=0.0)) for a in arrays if a.dtype.kind == "f"]
    return max(found, default=1.0)
