"""A module's agreement as text: the sentence, the first step that parts, the worst ratios."""

from collections.abc import Iterator, Sequence

from backhand.agreement.modules.result import ModuleAgreement, ModuleStep
from backhand.agreement.result import Finding, StepAgreement
from backhand.agreement.telling import apart, indexed, why
from backhand.rounding.at_random import BEYOND, MEMBERS

MOST_ROWS = 12
"""Rows of a table: those that do not agree, and those nearest to their bounds."""
MOST_LINES = 8
"""Lines of what could not be told; --json has all."""


def plain_text(found: ModuleAgreement) -> str:
    """All that is worth saying, without colours."""
    return "\n".join(_lines(found))


def _lines(found: ModuleAgreement) -> Iterator[str]:
    yield headline(found)
    if found.first:
        yield from told(found.first)
    untold = [f"Cannot tell {_called(one)}: {why(one)}." for one in found.untold()]
    yield from untold[:MOST_LINES]
    if len(untold) > MOST_LINES:
        yield f"and {len(untold) - MOST_LINES} more that cannot be told; --json has them all."
    for title, rows in (("Step by step", found.steps), ("The whole program", found.whole)):
        if rows:
            yield ""
            yield from _table(title, rows, found.formats)
    yield from _remarks(found)


def headline(found: ModuleAgreement) -> str:
    """The verdict in one sentence."""
    forward = sum(step.part == "forward" for step in found.steps)
    everything = len(found.steps) + len(found.whole)
    counts = (
        f"{forward} steps forward, {len(found.steps) - forward} derivatives through one step, "
        f"{len(found.whole)} results of the whole"
    )
    where = f"in {' and in '.join(found.formats)}, in {_mode(found)}"
    if found.verdict == "agrees":
        return (
            f"{found.name}: NumPy and PyTorch agree within their rounding bounds: {counts}, "
            f"{where}."
        )
    if found.verdict == "differs":
        bad = sum(one.verdict == "differs" for one in (*found.steps, *found.whole))
        return (
            f"{found.name}: NumPy and PyTorch differ by more than rounding in {bad} of "
            f"{everything} ({counts}), {where}."
        )
    count = len(list(found.untold()))
    return (
        f"{found.name}: of {count} of {everything} ({counts}) it cannot be told whether NumPy and "
        f"PyTorch agree, {where}."
    )


def _mode(found: ModuleAgreement) -> str:
    return "training" if found.training else "evaluation"


def told(finding: Finding) -> list[str]:
    """The first that parts, in full."""
    step, element = finding.step, finding.element
    misfit = step.judgements[finding.where].misfit
    sides = [f"{n:.17g}" for n in (element.ours, element.theirs)]
    if misfit:
        sides = misfit.partition(": ")[2].split(" and ")
    if not isinstance(step, ModuleStep):
        return [
            f"Every step by itself agrees; the written program's text parts at "
            f"{indexed(step.name, element)}, in {finding.where}:",
            f"  NumPy    {sides[0]}",
            f"  PyTorch  {sides[1]}",
            f"  {apart(finding)}",
        ]
    lines = [
        f"First at {_called(step)}{indexed('', element)}, in {finding.where}:",
        f"  NumPy    {sides[0]:24} {step.code}",
        f"  PyTorch  {sides[1]:24} {step.theirs}".rstrip(),
        f"  {apart(finding)}",
        f"  {_place(step)}",
    ]
    if finding.witness:
        lines.append(f"  {finding.witness[0].upper()}{finding.witness[1:]}.")
    return lines


def _called(step: StepAgreement) -> str:
    """`relu, forward` or `relu's derivative by v2`."""
    if not isinstance(step, ModuleStep):
        return f"{step.name} of the whole"
    if step.part == "backward":
        return f"{step.function} by {step.name.removeprefix('d')}"
    return f"{step.function}, forward"


def _place(step: ModuleStep) -> str:
    """The line of the user's file, and the module in which it is called."""
    where = f"{step.place}: {step.place.text}" if step.place else "no line of yours is known"
    return f"{where}, in module {step.module}" if step.module else where


def _table(title: str, rows: Sequence[StepAgreement], formats: Sequence[str]) -> Iterator[str]:
    chosen = _chosen(rows)
    names = [_cell(row) for row in chosen]
    width = max(len(title), *map(len, names))
    columns = "".join(f"{f'of bound, {word}':>19}" for word in formats)
    yield f"{title:{width}}{columns}  verdict"
    for row, name in zip(chosen, names, strict=True):
        shares = "".join(f"{_share(row, word):>19}" for word in formats)
        yield f"{name:{width}}{shares}  {row.verdict}"
    if len(rows) > len(chosen):
        yield f"{len(rows) - len(chosen)} more agree, further within their bounds."


def _cell(row: StepAgreement) -> str:
    if not isinstance(row, ModuleStep):
        return row.name
    where = f" in {row.module}" if row.module else ""
    return f"{_called(row).removesuffix(', forward')}{where}"


def _share(row: StepAgreement, word: str) -> str:
    judgement = row.judgements.get(word)
    if judgement is None:
        return ""
    return "no bound" if judgement.verdict == "cannot tell" else f"{judgement.share:.2g}"


def _chosen(rows: Sequence[StepAgreement]) -> list[StepAgreement]:
    """Those that do not agree, and those nearest to their bounds, in the order of the program."""
    ranked = sorted(rows, key=lambda row: (row.verdict == "agrees", -row.share))
    kept = {id(row) for row in ranked[:MOST_ROWS]}
    return [row for row in rows if id(row) in kept]


def _remarks(found: ModuleAgreement) -> Iterator[str]:
    if found.alike:
        yield (
            f"Of {len(found.alike)} results of the whole the bound is that of implementations that "
            "take the same side at every kink and tie, for some numbers are as near to one as "
            f"rounding: {_some(found.alike)}."
        )
    if found.at_random:
        yield (
            f"Of {len(found.at_random)} results of the whole the certain bound is too wide. They "
            f"lie within {BEYOND} times what this program reaches in {MEMBERS} runs that are "
            f"rounded at random, which is evidence and no proof: {_some(found.at_random)}."
        )
    wide = [one.name for one in found.whole if one.verdict == "cannot tell"]
    wide = [name for name in wide if name not in {one.name for one in found.untold()}]
    if wide:
        yield (
            f"In {found.precision} the running bound of the whole says nothing of {len(wide)} "
            f"results: {_some(wide)}. Each step was told there, and the whole in float64."
        )
    if found.only_whole:
        yield f"Derivatives seen in the whole alone: {_some(found.only_whole)}."
    yield from found.notes


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - MOST_LINES} more" if len(names) > MOST_LINES else ""
    return ", ".join(names[:MOST_LINES]) + more
