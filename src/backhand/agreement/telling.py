"""An agreement as text: the sentence, the first step that parts, the table of steps."""

from collections.abc import Iterator
from io import StringIO
from typing import TYPE_CHECKING, get_args

from backhand.agreement.judging import Element
from backhand.agreement.result import Agreement, Finding, StepAgreement
from backhand.experiment import Format

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

MOST_ROWS = 40
"""Steps that are told one by one; of more, those that do not agree and the nearest to a bound."""
WIDTH = 100
FIGURES = 11
"""Columns of a column of figures."""
MOST_UNSEEN = 12


def plain_text(agreement: Agreement) -> str:
    """What `backhand compare` prints, without colours."""
    from rich.console import Console

    page = StringIO()
    show(agreement, Console(file=page, width=WIDTH, color_system=None))
    return page.getvalue().rstrip("\n")


def html(agreement: Agreement) -> str:
    """The same for a notebook."""
    from rich.console import Console

    console = Console(file=StringIO(), width=WIDTH, record=True, color_system="truecolor")
    show(agreement, console)
    return console.export_html(inline_styles=True, code_format="<pre>{code}</pre>")


def show(agreement: Agreement, console: "Console") -> None:
    """Print all of it."""
    for part in _parts(agreement, console.width):
        console.print(part, markup=False, highlight=False)


def _parts(agreement: Agreement, width: int) -> "Iterator[RenderableType]":
    from rich.text import Text

    styles = {"agrees": "bold green", "differs": "bold red", "cannot tell": "bold yellow"}
    yield Text(headline(agreement), style=styles[agreement.verdict])
    if agreement.first:
        yield Text("\n".join(told(agreement.first, agreement.sides)))
    yield from (Text(line) for line in puzzles(agreement))
    yield ""
    yield _table(agreement, width)
    left = len(agreement.steps) - len(chosen(agreement))
    if left:
        yield f"{left} more steps agree, further within their bounds; --json has them all."
    yield from (Text(line) for line in (*remarks(agreement), *unseen(agreement)))


def headline(agreement: Agreement) -> str:
    """The verdict in one sentence."""
    ours, theirs = agreement.sides
    known = [f for f in agreement.formats if f in get_args(Format)]
    where = f", in {' and in '.join(known)}" if known else ""
    span = "at the initial weights"
    if agreement.epochs:
        span += f" and over {agreement.epochs:,} epoch{'s' * (agreement.epochs > 1)}"
    count = len(agreement.steps)
    if agreement.verdict == "agrees":
        return (
            f"{agreement.name}: {ours} and {theirs} agree within their rounding bounds, "
            f"all {count} steps, {span}{where}."
        )
    bad = [step for step in agreement.steps if step.verdict == agreement.verdict]
    steps = f"{len(bad)} of {count} steps"
    if agreement.verdict == "differs":
        return f"{agreement.name}: {ours} and {theirs} differ by more than rounding, in {steps}."
    return f"{agreement.name}: of {steps} it cannot be told whether {ours} and {theirs} agree."


def told(finding: Finding, sides: tuple[str, str]) -> list[str]:
    """The first step that parts, in full."""
    step, element = finding.step, finding.element
    when = f"epoch {element.epoch}" if element.epoch else "at the initial weights"
    name = indexed(step.name, element)
    ours, theirs = sides[0], sides[1] if finding.where in get_args(Format) else finding.where
    widest = max(len(ours), len(theirs))
    misfit = step.judgements[finding.where].misfit
    shown = (
        misfit.partition(": ")[2].split(" and ")
        if misfit
        else [f"{n:.17g}" for n in (element.ours, element.theirs)]
    )
    lines = [
        f"First at {name}, {step.part}, {when}, in {finding.where}:",
        f"  {ours:{widest}}  {shown[0]:24} {step.code}",
        f"  {theirs:{widest}}  {shown[1]:24} {step.theirs}".rstrip(),
        f"  {apart(finding)}",
    ]
    if len(step.lines) > 1:
        lines.append("  The mistake is in one of: " + "; ".join(step.lines))
    if finding.witness:
        lines.append(f"  {finding.witness[0].upper()}{finding.witness[1:]}.")
    return lines


def apart(finding: Finding) -> str:
    """How far the two are apart, and how far rounding could have brought them."""
    element, misfit = finding.element, finding.step.judgements[finding.where].misfit
    if misfit:
        return f"Their {misfit.replace(': ', ' are ')}."
    if element.difference == float("inf"):
        return f"Only one of them is a finite number; rounding allows {element.bound:.3g}."
    times = f": {finding.ratio:.2g} times that" if element.bound else ""
    return f"They differ by {element.difference:.3g}; rounding allows {element.bound:.3g}{times}."


def puzzles(agreement: Agreement) -> list[str]:
    """Why steps cannot be told, a line for each."""
    found = []
    for step in agreement.steps:
        if step.verdict == "cannot tell":
            found.append(f"Cannot tell {step.name} ({step.part}): {why(step)}.")
    return found


def why(step: StepAgreement) -> str:
    """What keeps a step from being told."""
    precision, judgement = step.worst
    if judgement.reason:
        return judgement.reason
    if judgement.puzzling:
        element = judgement.puzzling
        if element.difference > element.bound:
            return (
                f"in {precision} {indexed(step.name, element)} is {element.ours:.9g} and "
                f"{element.theirs:.9g}, {element.share:.2g} times what rounding allows the formula "
                "of this operator, but the other side may have another formula"
            )
        bound, cause = f"{element.bound:.2g}", "numbers that cancel, or a narrower format"
        if element.bound == float("inf"):
            bound, cause = "infinite", "or a division by what rounds to 0"
        return (
            f"in {precision} {indexed(step.name, element)} is {element.ours:.9g} and "
            f"{element.theirs:.9g}, but the bound is {bound} there (a number that rounding decides "
            f"on, {cause})"
        )
    return f"in {precision} its bounds are larger than what they would have to show"


def indexed(name: str, element: Element) -> str:
    """`dw1[0, 2]`."""
    return f"{name}[{', '.join(map(str, element.index))}]" if element.index else name


def _table(agreement: Agreement, width: int) -> "RenderableType":
    from rich.table import Table
    from rich.text import Text

    steps = chosen(agreement)
    names = max((len(step.name) for step in steps), default=0)
    room = max(12, width - names - FIGURES * (len(agreement.formats) + 2) - 4)
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    table.add_column("\nstep", no_wrap=True)
    table.add_column("\nline", no_wrap=True)
    for precision in agreement.formats:
        table.add_column(f"of bound,\n{precision}", justify="right", no_wrap=True)
    table.add_column("a slip is\nseen from", justify="right", no_wrap=True)
    table.add_column("\nverdict", no_wrap=True)
    for step in steps:
        shares = [
            f"{step.judgements[f].share:.2g}" if f in step.judgements else ""
            for f in agreement.formats
        ]
        code = step.code if len(step.code) <= room else step.code[: room - 1] + "…"
        cells = [step.name, code, *shares, caught(step), step.verdict]
        table.add_row(*(Text(cell) for cell in cells))
    return table


def caught(step: StepAgreement) -> str:
    """The smallest relative slip that would have been seen."""
    if step.verdict == "differs":
        return ""
    if step.caught == 0:
        return "any"
    return f"{step.caught:.0e}" if step.caught < float("inf") else ""


def chosen(agreement: Agreement) -> list[StepAgreement]:
    """The steps to be told one by one, in the order of the program."""
    if len(agreement.steps) <= MOST_ROWS:
        return list(agreement.steps)
    ranked = sorted(agreement.steps, key=lambda s: (s.verdict == "agrees", -s.share))
    kept = {id(step) for step in ranked[:MOST_ROWS]}
    return [step for step in agreement.steps if id(step) in kept]


def remarks(agreement: Agreement) -> list[str]:
    """What else there is to say below the table."""
    found = []
    if agreement.broken:
        name, epoch = agreement.broken
        found.append(
            f"From epoch {epoch} on {name} is no finite number, for the training diverges: "
            "nothing is compared there."
        )
    if agreement.ignored:
        found.append(f"No value of the network, not compared: {', '.join(agreement.ignored)}.")
    odd = [s.name for s in agreement.steps if _is_suspicious(s)]
    if odd:
        found.append(
            f"Beyond the statistical bound, though within the certain one: {', '.join(odd)}. "
            "Evidence that rounding errors there are not independent, or of a small slip; no proof."
        )
    return found


def _is_suspicious(step: StepAgreement) -> bool:
    every = step.judgements.values()
    return step.verdict == "agrees" and any((j.likely or 0) > 1 for j in every)


def unseen(agreement: Agreement) -> list[str]:
    """What the check could not have seen, in plain words."""
    if agreement.undetected is None:
        return []
    if not agreement.undetected:
        return [f"Of {agreement.slips:,} known slips tried on these lines, each would have shown."]
    count = len(agreement.undetected)
    found = [
        f"Of {agreement.slips:,} known slips tried on these lines, {count} would not have shown "
        "at these inputs:"
    ]
    for slip in agreement.undetected[:MOST_UNSEEN]:
        cure = f"; it shows with {slip.separated_by}" if slip.separated_by else ""
        found.append(f"  {slip.what}: {slip.because}{cure}")
    if count > MOST_UNSEEN:
        found.append(f"  and {count - MOST_UNSEEN} more; --json has them all")
    return found
