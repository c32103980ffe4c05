"""All samples of an operator or a module, each operator in a process of its own."""

import multiprocessing
import time
from collections.abc import Iterator
from multiprocessing.connection import Connection
from typing import Any

import torch

from tests.opinfo.judging import INVALID, WRONG, Captures, Outcome, outcome
from tests.opinfo.samples import DTYPES, Case, modules, of_module, of_operator, operators

Counts = dict[str, Any]


def cases(name: str, dtype: str) -> Iterator[Case]:
    """The samples of what has this name."""
    if name in modules():
        return of_module(modules()[name], dtype)
    return of_operator(operators()[name], dtype)


def outcomes(name: str, dtype: str, captures: Captures | None = None) -> Iterator[Outcome]:
    """How each sample goes, in PyTorch's order."""
    for case in cases(name, dtype):
        yield outcome(
            case.module,
            case.args,
            case.kwargs,
            training=case.training,
            alike=getattr(case.module, "alike", None),
            captures=captures,
            written=case.written,
        )


def swept(name: str, limit: float) -> dict[str, Counts]:
    """The counts of all samples, by precision: words, the reasons of those that do not pass, the
    rules.

    Args:
        name: of an operator or of a module.
        limit: seconds after which the samples that are left are not tried.
    """
    context = multiprocessing.get_context("fork")
    ours, theirs = context.Pipe(duplex=False)
    child = context.Process(target=_send, args=(theirs, name))
    child.start()
    theirs.close()
    found: dict[str, list[Outcome]] = {dtype: [] for dtype in DTYPES}
    end, is_whole = time.monotonic() + limit, False
    try:
        while (left := end - time.monotonic()) > 0 and ours.poll(left):
            dtype, one = ours.recv()
            if one is None:
                is_whole = True
                break
            found[dtype].append(one)
    except EOFError:
        found["float64"].append(Outcome(WRONG, "the process died"))
    child.terminate()
    child.join()
    return {dtype: counted(every, is_whole) for dtype, every in found.items()}


def _send(pipe: Connection, name: str) -> None:
    torch.set_num_threads(1)
    captures: Captures = {}
    for dtype in DTYPES:
        try:
            for one in outcomes(name, dtype, captures):
                pipe.send((dtype, one))
        except Exception as error:  # PyTorch could not make a sample
            pipe.send((dtype, Outcome(INVALID, f"{type(error).__name__}: {error}"[:100])))
    pipe.send(("", None))


def counted(found: list[Outcome], is_whole: bool) -> Counts:
    """Outcomes as a record that can be stored: the same for the same outcomes."""
    valid = [one for one in found if one.word != INVALID]
    words: dict[str, int] = {}
    reasons: dict[str, dict[str, int]] = {}
    for one in valid:
        words[one.word] = words.get(one.word, 0) + 1
        if one.reason:
            of = reasons.setdefault(one.word, {})
            of[one.reason] = of.get(one.reason, 0) + 1
    kept = {
        word: dict(sorted(of.items(), key=lambda item: (-item[1], item[0]))[:5])
        for word, of in sorted(reasons.items())
    }
    rules = sorted({rule for one in valid for rule in one.rules})
    record: Counts = {"samples": len(valid), **dict(sorted(words.items())), "rules": rules}
    if kept:
        record["why"] = kept
    if not is_whole:
        record["unfinished"] = True
    return record
