"""The passes step by step: for each step its formula, its two lines, its value in both programs."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import groupby

from markupsafe import Markup, escape

from backhand.experiment import LIBRARY_NAMES, Library
from backhand.graph import Step, Value, shape_text
from backhand.report import highlight
from backhand.report.formula import formula
from backhand.report.layout import layout
from backhand.report.values import Grid, grid
from backhand.report.wording import in_units, scientific, side, sizes, units
from backhand.study import Study
from backhand.writers.formulas import backward_formula, forward_formula, in_words, meanings

MOST_OPEN = 40
"""Steps of a pass that lie open on the page; where there are more, each opens by a click."""


@dataclass(frozen=True)
class Line:
    """One program's line for a step; `remark` takes its place where there is none."""

    library: Library
    code: Markup | None
    remark: str = ""


@dataclass(frozen=True)
class Side:
    """A value in one program."""

    title: str
    grid: Grid


@dataclass(frozen=True)
class Shown:
    """One value that a step made: in both programs, and how far they are apart."""

    name: str
    shape: str
    sides: tuple[Side, ...]
    apart: str


@dataclass(frozen=True)
class Card:
    """One step. `names` are what it makes, the first its anchor; `helper` is the function of the
    NumPy program that its line calls, where that is called first."""

    names: tuple[str, ...]
    about: str
    formula: Markup
    words: Markup
    lines: tuple[Line, ...]
    values: tuple[Shown, ...]
    notes: tuple[Markup, ...] = ()
    helper: Markup | None = None


@dataclass(frozen=True)
class Group:
    """Backward steps that undo one forward line, or add up the parts of one derivative."""

    line: Markup
    title: str
    cards: tuple[Card, ...]


def forward_cards(study: Study) -> list[Card]:
    """The forward pass and the loss; a step without a name stands in another's line."""
    functions = highlight.functions(study.programs["numpy"].text)
    network = study.experiment.network
    operators = {box.name: box.operator for box in layout(network).boxes}
    named = [step for step in network.steps if not step.output.is_nameless]
    return [
        _forward_card(step, operators.get(step.output.name, "drawn"), study, functions)
        for step in named
    ]


def _helper(line: str, functions: dict[str, str]) -> Markup | None:
    """The first function that a line calls and that has not been shown; it is then taken out."""
    called = next((name for name in functions if re.search(rf"(?<![\w.]){name}\(", line)), None)
    return highlight.python(functions.pop(called)) if called else None


def _forward_card(step: Step, operator: str, study: Study, functions: dict[str, str]) -> Card:
    name = step.output.name
    remark = "drawn within F.dropout" if step.function == "dropout_mask" else ""
    return Card(
        (name,),
        operator,
        formula(forward_formula(step, study.experiment.network)),
        Markup(),
        (_line("numpy", name, study), _line("torch", name, study, remark)),
        (_shown(step.output, study),),
        tuple(marked(note, study) for note in _forward_notes(step, study)),
        _helper(study.programs["numpy"].lines.get(name, ""), functions),
    )


def _forward_notes(step: Step, study: Study) -> list[str]:
    if step.function == "dropout":
        return [_dropout_note(step, study)]
    readers = [s for s in study.experiment.network.steps if s.function != "dropout_mask"]
    uses = [v for reader in readers for v in reader.inputs].count(step.output)
    if uses < 2:
        return []
    times = "twice" if uses == 2 else f"{uses} times"
    back = "Each use sends a derivative back to it, and they add." if _is_trained(study) else ""
    return [f"{step.output.name} is used {times} further on. {back}"]


def _is_trained(study: Study) -> bool:
    return study.experiment.network.backward is not None


def _dropout_note(step: Step, study: Study) -> str:
    rate = dict(step.attributes)["rate"]
    assert isinstance(rate, int | float)
    x, name = step.inputs[0].name, step.output.name
    return (
        f"In training, each number of {x} is set to 0 with probability {rate:g}, drawn anew in "
        f"each epoch; what is kept is multiplied by 1 / (1 − {rate:g}) = {1 / (1 - rate):.4g}, so "
        f"that on average {name} is as large as {x} and nothing has to be changed when the network "
        "is used (“inverted” dropout). The values below are those without dropout, as the network "
        "is used: the mask is all ones."
    )


def backward_groups(study: Study) -> list[Group]:
    """The backward pass, in groups as the NumPy program has them."""
    network = study.experiment.network
    if network.backward is None:
        return []
    named = [s for s in network.backward.body if not all(v.is_nameless for v in s.made())]
    lines = study.programs["numpy"].lines
    groups = []
    for (title, line), steps in groupby(named, key=lambda step: _undone(step, lines)):
        cards = tuple(_backward_card(step, study) for step in steps)
        groups.append(Group(highlight.python(line), title, cards))
    return groups


def _undone(step: Step, lines: Mapping[str, str]) -> tuple[str, str]:
    """What stands above a backward step: the forward line that it undoes, or what it adds up."""
    if step.undoes:
        return "Back through", lines.get(step.undoes, step.undoes)
    return "Adding up", step.made()[0].name


def _backward_card(step: Step, study: Study) -> Card:
    network = study.experiment.network
    names = tuple(v.name for v in step.made() if not v.is_nameless)
    found = meanings(network).derivatives
    wholes = [found[n].of.name for n in names if not (found[n].through or found[n].unsummed)]
    if wholes:
        torch = Line("torch", highlight.python("; ".join(f"{name}.grad" for name in wholes)))
    else:
        torch = Line("torch", None, "a part, which autograd adds to the whole as it goes")
    whole = "the derivative with respect to " + ", ".join(wholes)
    return Card(
        names,
        whole if wholes else "a part of a derivative",
        formula(backward_formula(step, network)),
        marked(in_words(step, network), study),
        (_line("numpy", names[0], study), torch),
        tuple(_shown(value, study) for value in step.made() if not value.is_nameless),
    )


def _line(library: Library, name: str, study: Study, remark: str = "") -> Line:
    code = study.programs[library].lines.get(name)
    if code is None:
        return Line(library, None, remark or "no line of its own")
    return Line(library, highlight.python(code))


def _shown(value: Value, study: Study) -> Shown:
    """A value at the initial weights, from the two traces of the same precision."""
    traces = (study.traces[0], study.traces[-1])
    arrays = [(t, t.evaluation[value.name]) for t in traces if value.name in t.evaluation]
    sides = tuple(Side(side(trace.name), grid(array)) for trace, array in arrays)
    shape = shape_text(value.shape) if value.shape else "one number"
    if arrays and any(isinstance(size, str) for size in value.shape):
        shape += f", here {sizes(arrays[0][1].shape)}"
    apart = _apart(value.name, study)
    if len(arrays) == 1:
        library = LIBRARY_NAMES[arrays[0][0].library]
        apart = f"Only the {library} program has this number by itself; nothing to compare."
    return Shown(value.name, shape, sides, apart)


def _apart(name: str, study: Study) -> str:
    """How far apart a value is at the same precision, and as printed where that is another."""
    same = study.comparison.difference(name)
    if same is None:
        return "Neither program has this number by itself."
    if same.ulps == 0:
        said = "No difference, to the last bit."
    else:
        said = f"Largest difference: {in_units(same.ulps)} ({scientific(same.largest)})."
    printed = study.as_printed.difference(name)
    if len(study.traces) < 3 or printed is None:
        return said
    precision = study.as_printed.second.partition("-")[2]
    count = f"{units(printed.ulps)} units" if printed.ulps else "none"
    return f"{said} As printed, with PyTorch in {precision}: {count}."


def marked(words: str, study: Study) -> Markup:
    """A sentence with the network's names, and the program's lines, set as code."""
    lines = set(study.programs["numpy"].lines.values())
    names = {v.name for kind in study.experiment.network.kinds for v in kind.values()}
    names -= {"a", "A", "I", "loss"}  # words, or letters that are words
    wanted = sorted(lines | names, key=lambda w: (-len(w), w))  # the longest match first
    pattern = "|".join(rf"(?<!\w){re.escape(w)}(?!\w)" for w in wanted if w in words)
    if not pattern:
        return escape(words)
    parts = re.split(f"({pattern})", words)
    code = Markup("<code>{}</code>")
    return Markup().join(code.format(p) if i % 2 else escape(p) for i, p in enumerate(parts))
