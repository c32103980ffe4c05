"""Comparisons for the tests: of specs and changed programs, without the search for slips."""

import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from backhand.agreement.comparing import formats, watched
from backhand.agreement.edited import edited
from backhand.agreement.ledger import agreement_of
from backhand.agreement.result import Agreement
from backhand.agreement.telling import why
from backhand.capture.spec import parse
from backhand.experiment import LIBRARY_NAMES, Experiment, Format
from backhand.writers.files import save_programs, write_programs

SIDES = (LIBRARY_NAMES["numpy"], LIBRARY_NAMES["torch"])

SMALL = """
seed = 5
[inputs]
x = [[0.5, -1.2, 0.3], [0.1, 0.9, -0.4], [-0.7, 0.2, 1.1]]
[targets]
y = [[0, 1], [1, 0], [1, 0]]
[weights]
w1 = [[0.3, -0.2, 0.5, 0.1], [0.4, 0.6, -0.3, 0.2], [-0.1, 0.7, 0.2, 0.4]]
b1 = [0.1, -0.1, 0.2, 0.05]
w2 = [[0.3, -0.4], [0.2, 0.5], [-0.6, 0.1], [0.7, 0.2]]
[network]
steps = ["z1 = x @ w1 + b1", "a1 = tanh(z1)", "h = dropout(a1, 0.25)", "z2 = h @ w2",
         "p = softmax(z2)"]
loss = "cross_entropy(p, y) + 0.01 * sum(w2 ** 2)"
[training]
epochs = 3
"""
"""A classifier with dropout and a penalty, whose optimiser's line is still to come."""


def read(text: str) -> Experiment:
    return parse(text, "spec.toml", Path())


@contextmanager
def quietly() -> Iterator[None]:
    """Numbers at the end of a format overflow on purpose, on both sides; PyTorch has advice."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        warnings.simplefilter("ignore", UserWarning)
        yield


def held(network: str | Experiment, precision: Format = "float64", text: str = "") -> Agreement:
    """What `backhand.compare` finds, but for the slips that go unseen.

    Args:
        network: a spec's text, or what was read from one.
        precision: of PyTorch, beside float64.
        text: of a NumPy program, in place of the one that is written.
    """
    experiment = read(network) if isinstance(network, str) else network
    with TemporaryDirectory() as place, quietly():
        folder, file = Path(place), None
        programs = save_programs(experiment, folder)
        if text:
            file = folder / "edited.py"
            file.write_text(text, encoding="utf-8")
            programs["numpy"] = edited(programs["numpy"], file, experiment)
        runs = [
            watched(experiment, programs, folder, kind, file=file)
            for kind in formats(experiment, precision)
        ]
        return agreement_of(experiment, programs, [run.ledger for run in runs], SIDES, folder)


def changed(experiment: Experiment, right: str, wrong: str) -> str:
    """The text of the written NumPy program, where a pattern that it has once is replaced; the
    lines that a comment quotes stay."""
    text = write_programs(experiment)["numpy"].text
    places = [
        match
        for match in re.finditer(right, text, flags=re.MULTILINE)
        if "# " not in text[text.rfind("\n", 0, match.start()) : match.start()]
    ]
    assert len(places) == 1, f"{right} is {len(places)} times in\n{text}"
    (match,) = places
    return text[: match.start()] + match.expand(wrong) + text[match.end() :]


def shorter(experiment: Experiment, epochs: int) -> Experiment:
    assert experiment.training is not None
    return replace(experiment, training=replace(experiment.training, epochs=epochs))


def as_text(array: np.ndarray) -> str:
    """Numbers as a spec has them, exact."""
    return str(np.asarray(array, np.float64).tolist())


def verdicts(found: Agreement) -> dict[str, str]:
    """By `part name`, what is said of each step that does not agree, and why."""
    return {
        f"{step.part} {step.name}": f"{step.verdict}: {why(step)}"
        for step in found.steps
        if step.verdict != "agrees"
    }
