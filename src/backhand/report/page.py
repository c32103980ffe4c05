"""The report: a study as one HTML page that needs nothing beside itself.

It loads nothing and runs nothing, and its content security policy forbids that it ever does. The
same study gives the same bytes.
"""

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from markupsafe import Markup

from backhand.experiment import LIBRARIES, Library
from backhand.graph import Network
from backhand.report import agreement, highlight, question, steps, training, verdict
from backhand.report.picture import picture
from backhand.report.wording import counted
from backhand.study import Study
from backhand.writers.shared import is_inline

if TYPE_CHECKING:
    from jinja2 import Environment

TEMPLATES = Path(__file__).with_name("templates")
LONG_PROGRAM = 400
"""Lines of a program that lies open on the page."""


@dataclass(frozen=True)
class Heading:
    """A section: its anchor, its number, its title."""

    id: str
    number: int
    title: str


def write_page(study: Study, file: Path, published: Markup | None = None) -> None:
    """Write the report of a study into a file."""
    file.write_text(page_text(study, published), encoding="utf-8", newline="\n")


def page_text(study: Study, published: Markup | None = None) -> str:
    """The report of a study: one HTML document.

    Args:
        study: what is told.
        published: what `figures.section` says about the published weights, if that was looked into.
    """
    trained = training.section(study)
    groups = steps.backward_groups(study)
    forward = steps.forward_cards(study)
    beside = training.beside_published(study)
    network = study.experiment.network
    context = {
        "study": study,
        "experiment": study.experiment,
        "style": Markup((TEMPLATES / "style.css").read_text(encoding="utf-8")),
        "in_short": [verdict.in_short(study.agreement), *agreement.in_short(study)],
        "question": question.question(study),
        "tasks": question.tasks(study),
        "picture": picture(network, frozenset(name for card in forward for name in card.names)),
        "legend": _legend(network, study),
        "forward": forward,
        "forward_open": len(forward) <= steps.MOST_OPEN,
        "groups": groups,
        "groups_open": sum(len(g.cards) for g in groups) <= steps.MOST_OPEN,
        "training": trained,
        "beside": beside,
        "published": published,
        "agreement": verdict.section(study),
        "apart": agreement.tables(study),
        "needs_arrays": not is_inline(study.experiment),
        "programs": [_program(study, library) for library in reversed(LIBRARIES)],
        "headings": _headings(study, bool(groups), trained is not None, bool(beside)),
    }
    return _environment().get_template("page.html").render(context) + "\n"


@cache
def _environment() -> "Environment":
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    return Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def _headings(study: Study, backward: bool, trained: bool, published: bool) -> dict[str, Heading]:
    """The sections that this study has, numbered."""
    titles = {
        "question": "What was asked",
        "answers": "The answers" if study.experiment.printing else "",
        "network": "The network",
        "forward": "The forward pass, step by step",
        "backward": "The backward pass, step by step" if backward else "",
        "training": "Training" if trained else "",
        "published": "Beside the published weights" if published else "",
        "agreement": "Do the two programs agree?",
        "programs": "Both programs in full",
        "versions": "Versions used",
    }
    present = [(key, title) for key, title in titles.items() if title]
    return {key: Heading(key, i, title) for i, (key, title) in enumerate(present, 1)}


def _legend(network: Network, study: Study) -> list[tuple[str, str, str]]:
    """What the picture's kinds of boxes are: class of the box, its word, what it means."""
    rows = counted(len(study.experiment.arrays[network.forward.inputs[0].name]), "row")
    sizes = [f"{letter} is the {meaning}, here {rows}" for letter, meaning in network.sizes]
    kinds = [("in", "input", "; ".join(sizes))]
    if network.forward.parameters:
        kinds.append(("weight", "weights", "what training changes"))
    if any(step.function == "dropout_mask" for step in network.steps):
        kinds.append(("mask", "mask", "drawn at random in training"))
    kinds.append(("out", "output", "what the network answers"))
    if network.targets:
        kinds.append(("target", "target", "what it should have answered"))
    return kinds


def _program(study: Study, library: Library) -> dict[str, Any]:
    program = study.programs[library]
    lines = program.text.count("\n")
    return {
        "file": program.file,
        "lines": lines,
        "code": highlight.python(program.text.rstrip("\n")),
        "open": lines <= LONG_PROGRAM,
    }
