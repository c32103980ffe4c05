"""All samples of an operator or a module, each operator in a process of its own."""

import multiprocessing
import time
from collections.abc import Iterator
from multiprocessing.connection import Connection
from typing import Any

import torch
from tests.opinfo.judging import INVALID, Outcome, outcome
from tests.opinfo.samples import Case, modules, of_module, of_operator, operators

Counts = dict[str, Any]


def cases(name: str, dtype: str) -> Iterator[Case]:
    """The samples of what has this name."""
    if name in modules():
        return of_module(modules()[name], dtype)
    return of_operator(operators()[name], dtype)


def outcomes(name: str, dtype: str) -> Iterator[Outcome]:
    """How each sample goes, in PyTorch's order."""
    for case in cases(name, dtype):
        yield outcome(case.module, case.args, case.kwargs, training=case.training)


def swept(name: str, dtype: str, limit: float) -> Counts:
    """The counts of all samples: words, the reasons of those that do not pass, the rules.

    Args:
        name: of an operator or of a module.
        dtype: float64 or float32.
        limit: seconds after which the samples that are left are not tried.
    """
    context = multiprocessing.get_context("fork")
    ours, theirs = context.Pipe(duplex=False)
    child = context.Process(target=_send, args=(theirs, name, dtype))
    child.start()
    theirs.close()
    found, end, is_whole = [], time.monotonic() + limit, False
    try:
        while (left := end - time.monotonic()) > 0 and ours.poll(left):
            one = ours.recv()
            if one is None:
                is_whole = True
                break
            found.append(one)
    except EOFError:
        found.append(Outcome("wrong", "the process died"))
    child.terminate()
    child.join()
    return counted(found, is_whole)


def _send(pipe: Connection, name: str, dtype: str) -> None:
    torch.set_num_threads(1)
    try:
        for one in outcomes(name, dtype):
            pipe.send(one)
    except Exception as error:  # PyTorch could not make a sample
        pipe.send(Outcome(INVALID, f"{type(error).__name__}: {error}"[:100]))
    pipe.send(None)


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
