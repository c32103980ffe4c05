"""A verdict in words: for the terminal, for graders, and a table of many."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import Literal

from backhand.diagnose.checking import Checked, worst
from backhand.diagnose.figures import Ranking
from backhand.diagnose.figures import telling as of_figures
from backhand.diagnose.mistake import Mistake
from backhand.diagnose.verdict import Distance, Verdict
from backhand.errors import BackhandError

Hint = Literal["where", "what", "why", "fix"]
HINTS: tuple[Hint, ...] = ("where", "what", "why", "fix")
SHOWN = 3
NAMED = 6
"""Mistakes that could not have been seen are named, as long as one can take them in."""


def text_of(verdict: Verdict, hint: Hint = "fix") -> str:
    """The verdict as a person reads it, up to the level of the hint."""
    lines = [*_outcome(verdict, hint)]
    if verdict.notes:
        lines += [f"Note: {note}." for note in verdict.notes]
    if verdict.missing:
        lines.append(f"Not found in it: {', '.join(verdict.missing)}.")
    tried = ", ".join(dict.fromkeys(verdict.tried))
    lines.append(f"Compared: {', '.join(verdict.compared)}; {tried}.")
    if verdict.ran_out:
        lines.append("The time ran out before everything was tried.")
    lines.append(f"{verdict.programs} runs of our program in {verdict.seconds:.1f} s.")
    return "\n".join(lines)


def _outcome(verdict: Verdict, hint: Hint) -> list[str]:
    if verdict.outcome == "no mistake found":
        lines = [
            "No mistake found: all of these numbers are the correct program's, to rounding "
            f"(at most {verdict.share:.2g} of what rounding may do)."
        ]
        return [*lines, *_unseen(verdict)]
    if verdict.outcome == "not known":
        lines = [
            f"Not a known mistake. It parts from the correct program first at {verdict.parts_at}."
        ]
        if verdict.parting:
            one = verdict.parting
            lines.append(
                f"On the way, the last value that both have is {one.last} (there `{one.called}`); "
                f"{one.following} should follow."
            )
        if verdict.next_best and hint != "where":
            lines.append(f"The nearest known one, which does not explain it: {verdict.next_best}.")
        return [*lines, *map(_distance, verdict.evidence[:1])]
    if verdict.outcome == "cannot tell":
        return ["It cannot be told: there is nothing to compare."]
    several = len(verdict.findings) > 1
    lines = ["Two mistakes together:" if several else "A known mistake:"]
    for finding in verdict.findings:
        lines += _told(finding.mistake, finding.where, hint)
    if HINTS.index(hint) >= 1:
        lines += _ties(verdict)
        if verdict.settled_by:
            lines.append(f"  Others gave the same numbers until it was run {verdict.settled_by}.")
        lines += map(_distance, verdict.evidence[:SHOWN])
    return lines


def _unseen(verdict: Verdict) -> list[str]:
    """What the numbers at hand could not have shown."""
    if not verdict.unseen:
        return ["Every mistake of the catalogue that applies would have shown on them."]
    first, rest = verdict.unseen[:NAMED], verdict.unseen[NAMED:]
    more = f"; and {len(rest)} more, which --json names" if rest else ""
    return [f"Known mistakes that would not have shown on them: {'; '.join(first)}{more}."]


def _told(mistake: Mistake, where: str, hint: Hint) -> list[str]:
    level = HINTS.index(hint)
    parts = [f"  {mistake.name}"] if level else []
    parts.append(f"  where: {mistake.part}; in the correct program: {where}")
    for name in HINTS[1 : level + 1]:
        parts.append(f"  {name + ':':6} {getattr(mistake, name)}")
    return parts


def _ties(verdict: Verdict) -> list[str]:
    if not verdict.ties:
        return []
    names = "; ".join(verdict.ties)
    return [f"  The same numbers come from: {names}.", *_experiment(verdict)]


def _experiment(verdict: Verdict) -> list[str]:
    """What would tell the ties apart."""
    one = verdict.experiment
    if one is None:
        return ["  No experiment that was tried tells them apart."]
    numbers = "; ".join(f"{value:.6g} with {name}" for name, value in one.numbers.items())
    return [f"  To tell them apart, run it {one.words}: {one.value} is {numbers}."]


def _distance(one: Distance) -> str:
    text = f"  {one.value} differs from the correct one by {one.correct:.2g}"
    if one.named is not None:
        text += f", with this mistake by {one.named:.2g}"
    if one.other is not None:
        text += f"; with the next candidate by {one.other:.2g}"
    return f"{text} ({one.scene})."


def as_data(checked: Checked, hint: Hint = "fix") -> dict[str, object]:
    """A submission's verdict as JSON has it: one object a finding."""
    data: dict[str, object] = {"file": str(checked.file)}
    verdict = checked.verdict
    if checked.rankings:
        return {**data, "figures": [_figures_data(one, hint) for one in checked.rankings]}
    if verdict is None:
        return {**data, "outcome": "error", "error": checked.error, "findings": []}
    level = HINTS.index(hint)
    findings = []
    for finding in verdict.findings:
        mistake = finding.mistake
        told: dict[str, object] = {"part": mistake.part, "where": finding.where}
        told |= {"name": mistake.name} if level else {}
        told |= {name: getattr(mistake, name) for name in HINTS[1 : level + 1]}
        if level and mistake.known_from:
            told |= {"known_from": mistake.known_from}
        findings.append(told)
    return {
        **data,
        "outcome": verdict.outcome,
        "findings": findings,
        "ties": list(verdict.ties) if level else [],
        "parts_at": verdict.parts_at,
        "evidence": [_plain(one) for one in verdict.evidence] if level else [],
        "compared": list(verdict.compared),
        "missing": list(verdict.missing),
        "tried": list(dict.fromkeys(verdict.tried)),
        "notes": list(verdict.notes),
        "unseen": list(verdict.unseen) if level else [],
        "ran_out": verdict.ran_out,
        "share": verdict.share,
        "experiment": _proposed(verdict) if level else None,
        "settled_by": verdict.settled_by,
        "parting": asdict(verdict.parting) if verdict.parting else None,
    }


def _proposed(verdict: Verdict) -> dict[str, object] | None:
    one = verdict.experiment
    if one is None:
        return None
    return {"run_it": one.words, "look_at": one.value, "numbers": dict(one.numbers)}


def _figures_data(ranking: Ranking, hint: Hint) -> dict[str, object]:
    if hint == "where":
        return {
            "title": ranking.figures.title,
            "verdict": of_figures.verdict(ranking),
            "headline": of_figures.headline(ranking, named=False),
        }
    return of_figures.as_json(ranking)


def _plain(one: Distance) -> dict[str, object]:
    """Evidence without infinities, which JSON does not have."""
    numbers = {"correct": one.correct, "named": one.named, "next": one.other}
    finite = {k: v if v is not None and v < float("inf") else None for k, v in numbers.items()}
    return {"scene": one.scene, "value": one.value, **finite}


def json_of(checked: Sequence[Checked], hint: Hint = "fix") -> str:
    """All verdicts: a list, one object a submission."""
    return json.dumps([as_data(one, hint) for one in checked], indent=1) + "\n"


def gradescope_of(checked: Checked, hint: Hint = "fix") -> str:
    """The results.json that Gradescope's autograder reads: one test a submission."""
    passed = checked.exit_code == 0
    test = {
        "name": f"backhand: {checked.file.name}",
        "score": 1.0 if passed else 0.0,
        "max_score": 1.0,
        "output": told(checked, hint),
        "visibility": "visible",
    }
    return json.dumps({"score": test["score"], "tests": [test]}, indent=1) + "\n"


def otter_of(checked: Checked, hint: Hint = "fix") -> str:
    """What Otter-Grader reads with `GradingResults.from_ottr_json` (otter/test_files/__init__.py,
    version 7.0): one test file a submission, with one case worth a point."""
    case = {
        "name": "backhand",
        "code": f"backhand check {checked.file.name}",
        "hidden": False,
        "points": 1.0,
        "success_message": None,
        "failure_message": None,
    }
    passed = checked.exit_code == 0
    result = {"test_case": case, "passed": passed, "error": told(checked, hint)}
    tested = {"filename": checked.file.name, "points": 1.0, "test_case_results": [result]}
    return json.dumps({"test_file_results": [tested]}, indent=1) + "\n"


def told(checked: Checked, hint: Hint = "fix") -> str:
    """The verdict, or what was wrong, as text."""
    if checked.rankings:
        parts = HINTS[1 : HINTS.index(hint) + 1]
        return "\n\n".join(of_figures.text_of(one, parts) for one in checked.rankings)
    return checked.error if checked.verdict is None else text_of(checked.verdict, hint)


def table(checked: Sequence[Checked], hint: Hint = "fix") -> str:
    """Who made which mistake, one line a submission, and how many there are of each."""
    width = max(len(one.file.name) for one in checked)
    lines = [f"{one.file.name:{width}}  {_short(one, hint)}" for one in checked]
    counted: dict[str, int] = {}
    for one in checked:
        counted[_short(one, hint)] = counted.get(_short(one, hint), 0) + 1
    order = sorted(counted.items(), key=lambda pair: -pair[1])
    return "\n".join([*lines, "", *(f"{count:4}  {name}" for name, count in order)])


def _short(one: Checked, hint: Hint) -> str:
    if one.rankings:
        return " ".join(of_figures.headline(r, named=hint != "where") for r in one.rankings)
    if one.verdict is None:
        return f"error: {one.error.splitlines()[0]}"
    if one.verdict.outcome == "mistake found":
        if hint == "where":
            return " + ".join(finding.where for finding in one.verdict.findings)
        return " + ".join(one.verdict.names)
    if one.verdict.outcome == "not known":
        return f"not known: parts first at {one.verdict.parts_at}"
    return one.verdict.outcome


def exit_code(checked: Sequence[Checked]) -> int:
    """The worst of all."""
    return worst(one.exit_code for one in checked)


def hint_of(word: str) -> Hint:
    """A level by its name.

    Raises:
        BackhandError: if there is none of that name.
    """
    for hint in HINTS:
        if word == hint:
            return hint
    raise BackhandError("there is no such hint", where="--hint", wanted=", ".join(HINTS), got=word)


def printed(
    checked: Sequence[Checked], hint: Hint, *, as_json: bool, gradescope: bool, otter: bool
) -> str:
    """What the command prints.

    Raises:
        BackhandError: if a grader's format, which holds one submission, is asked for several.
    """
    if as_json:
        return json_of(checked, hint)
    if gradescope or otter:
        if len(checked) != 1:
            raise BackhandError(
                "a grader's results are of one submission", where="command line",
                wanted="one file", got=f"{len(checked)} files",
            )  # fmt: skip
        return gradescope_of(checked[0], hint) if gradescope else otter_of(checked[0], hint)
    if len(checked) == 1:
        if checked[0].raised:
            raise checked[0].raised
        return told(checked[0], hint) + "\n"
    return table(checked, hint) + "\n"
