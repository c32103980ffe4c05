"""What was asked, what was given, and what both programs print as the answer."""

import re
from dataclasses import dataclass

from markupsafe import Markup

from backhand.experiment import LIBRARIES, LIBRARY_NAMES, Experiment, Printing, Training
from backhand.graph import shape_text
from backhand.report import highlight
from backhand.report.terminal import printed_by_task
from backhand.report.values import Grid, grid
from backhand.report.wording import counted, listed
from backhand.rules.updates import UPDATES
from backhand.study import Study

MOST_NAMED = 10
"""Steps of a network that is said in a line."""


@dataclass(frozen=True)
class Given:
    """An array that the spec gives."""

    name: str
    shape: str
    grid: Grid


@dataclass(frozen=True)
class Question:
    """`facts` are pairs of a word and what it says; `given` is in groups with a heading."""

    paragraphs: tuple[str, ...]
    facts: tuple[tuple[str, str], ...]
    given: tuple[tuple[str, tuple[Given, ...]], ...]
    spec: Markup


@dataclass(frozen=True)
class Task:
    """What both programs print for one or several [[print]]s of the same title."""

    title: str
    printed: tuple[tuple[str, str], ...]
    """A library with its precision, and the text."""


def question(study: Study) -> Question:
    """The assignment as the spec has it."""
    experiment = study.experiment
    forward = experiment.network.forward
    inputs = tuple(v.name for v in forward.inputs if v.role == "input")
    groups = (
        ("Inputs", inputs),
        ("Targets", tuple(v.name for v in experiment.network.targets)),
        ("Weights to begin with", tuple(v.name for v in forward.parameters)),
    )
    return Question(
        paragraphs(experiment.about),
        tuple(_facts(experiment)),
        tuple((title, _given(names, experiment)) for title, names in groups if names),
        highlight.toml(experiment.source.strip("\n")),
    )


def paragraphs(text: str) -> tuple[str, ...]:
    """Text between empty lines, its own line breaks taken out."""
    return tuple(" ".join(part.split()) for part in re.split(r"\n\s*\n", text.strip()) if part)


def _given(names: tuple[str, ...], experiment: Experiment) -> tuple[Given, ...]:
    arrays = [(name, experiment.arrays[name]) for name in names]
    return tuple(Given(name, shape_text(a.shape), grid(a, digits=5)) for name, a in arrays)


def _facts(experiment: Experiment) -> list[tuple[str, str]]:
    network, training = experiment.network, experiment.training
    rows = len(experiment.arrays[network.forward.inputs[0].name])
    facts = [
        ("Network", _network_words(experiment)),
        ("Batch", f"{counted(rows, 'example')}, all at once"),
    ]
    if network.loss:
        place = network.loss.body[-1].place
        formula = place.text.strip() if place else network.loss.body[-1].function
        facts.append(("Loss", formula))
    if training:
        facts.append(("Training", training_words(training)))
    if experiment.draws:
        facts.append(("Seed", f"{experiment.seed}, the same in both programs"))
    precisions = [f"{LIBRARY_NAMES[lib]} in {experiment.precision[lib]}" for lib in LIBRARIES]
    return [*facts, ("Precision", ", ".join(precisions))]


def _network_words(experiment: Experiment) -> str:
    """`matmul, relu, dropout, matmul, softmax; 20 weights`, or how many steps there are."""
    forward = experiment.network.forward
    functions = [step.function for step in forward.body if step.function != "dropout_mask"]
    numbers = sum(experiment.arrays[v.name].size for v in forward.parameters)
    few = len(functions) <= MOST_NAMED
    steps = ", ".join(functions) if few else counted(len(functions), "step")
    return f"{steps}; {counted(numbers, 'weight')}"


def training_words(training: Training) -> str:
    """`plain gradient descent, learning rate 0.01, 100 epochs`."""
    options = [
        key.replace("_", " ") + ("" if value is True else f" {value}")
        for key, value in training.options
        if value
    ]
    is_descent = training.optimizer == "sgd"
    name = "gradient descent" if is_descent else UPDATES[training.optimizer].torch
    plain = "plain " if is_descent and len(options) == 1 else ""
    return ", ".join([plain + name, *options, counted(training.epochs, "epoch")])


def tasks(study: Study) -> list[Task]:
    """The prints of both programs, those of one title together."""
    experiment = study.experiment
    pages = {
        library: printed_by_task(experiment, library, study.trace(library).printed)
        for library in LIBRARIES
    }
    found: list[Task] = []
    for number, printing in enumerate(experiment.printing):
        title = printing.title or _title(printing)
        texts = ["\n".join(pages[library][number]) for library in LIBRARIES]
        if found and found[-1].title == title:
            before = [text for _, text in found.pop().printed]
            texts = [f"{old}\n{new}" for old, new in zip(before, texts, strict=True)]
        found.append(Task(title, tuple(zip(_sides(study), texts, strict=True))))
    return found


def _sides(study: Study) -> list[str]:
    return [f"{LIBRARY_NAMES[lib]}, {study.trace(lib).precision}" for lib in LIBRARIES]


def _title(printing: Printing) -> str:
    names = listed(list(printing.names))
    return {
        "rows": f"{names}, row by row",
        "value": names,
        "gradient": f"The gradient of the loss with respect to {names}",
        "trained": f"{names} after training",
    }[printing.show]
