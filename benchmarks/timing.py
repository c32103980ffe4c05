"""Timing in pairs: A, B, A, B ... in one run, so that a drifting machine hits both alike."""

import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median


@dataclass(frozen=True)
class Paired:
    """Medians in seconds, and the median of the ratios first / second, pair by pair."""

    first: float
    second: float
    ratio: float


def paired(first: Callable[[], float], second: Callable[[], float], repeats: int) -> Paired:
    """Alternate two timers, each of which returns seconds; one warm-up each."""
    first(), second()
    pairs = [(first(), second()) for _ in range(repeats)]
    ratios = [a / b for a, b in pairs]
    return Paired(median(a for a, _ in pairs), median(b for _, b in pairs), median(ratios))


def per_call(work: Callable[[int], object], times: int) -> Callable[[], float]:
    """A timer of one round of `work`, which does `times` rounds at a call."""

    def timer() -> float:
        start = time.perf_counter()
        work(times)
        return (time.perf_counter() - start) / times

    return timer


def process(arguments: Sequence[str], folder: str) -> Callable[[], float]:
    """A timer of a whole Python process."""

    def timer() -> float:
        start = time.perf_counter()
        subprocess.run(
            [sys.executable, *arguments], cwd=folder, check=True, stdout=subprocess.DEVNULL
        )
        return time.perf_counter() - start

    return timer
