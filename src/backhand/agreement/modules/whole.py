"""A module as a whole: the written program's text on bounded numbers beside PyTorch's call.

Nothing is fed in between, so a line that reads the wrong value shows, which no step by itself can.
"""

import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from backhand import rounding
from backhand.agreement.judging import Judgement, Part, Sight, judged, misfitting
from backhand.agreement.modules.eager import Eager, eager
from backhand.agreement.modules.watched import Call, random_cotangents
from backhand.capture.trees import paths
from backhand.experiment import Precision
from backhand.modules import Program, write
from backhand.modules.arguments import arrays_of
from backhand.rounding import Bounded, CannotTell, Untracked, bounded

TIMES_SLOWER = 30
"""How much longer a program takes on bounded numbers, at most in the models of the tests."""
MOST_SECONDS = 120
"""A program that would take longer than this on bounded numbers is not run on them."""


@dataclass(frozen=True)
class WholeValue:
    """One result of the whole beside PyTorch's."""

    name: str
    part: Part
    judgement: Judgement


def whole(call: Call, precision: Precision, seed: int) -> Iterator[WholeValue]:
    """Results, loss, derivatives and buffers of a module's written program beside PyTorch's.

    Args:
        call: whose module's buffers change as they do in any call.
        precision: of its floats.
        seed: of both generators.
    """
    loss = {} if call.loss is None else {"loss": call.loss, "targets": call.targets}
    program = write(call.module, call.args, call.kwargs, **loss)
    own = program.interface
    shapes = _run_plainly(program, call, seed)
    cotangents = {} if call.loss is not None else dict(
        zip(own.cotangents, random_cotangents([shapes.outputs[n] for n in own.cotangents], seed),
            strict=True)
    )  # fmt: skip
    cotangents = {n: np.asarray(c, precision) for n, c in cotangents.items()}
    reason = ""
    made: _Made | None = None
    if shapes.seconds * TIMES_SLOWER > MOST_SECONDS:
        reason = (
            f"the program takes {shapes.seconds:.2g} s, on bounded numbers about {TIMES_SLOWER} "
            f"times that, which is over {MOST_SECONDS} s"
        )
    else:
        try:
            made = _bounded_run(program, call, cotangents, seed)
        except (Untracked, CannotTell) as error:
            reason = error.what
    theirs = eager(call, own.given, own.results, own.inputs, cotangents, seed)
    yield from _compared(program, made, theirs, reason, precision)
