"""What a comparison found: every step with its verdict, the first that parts, what went unseen."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from backhand.agreement.judging import Element, Judgement, Part, Verdict
from backhand.experiment import Format

EXIT_CODES: Mapping[Verdict, int] = {"agrees": 0, "differs": 1, "cannot tell": 3}
WORST_FIRST: tuple[Verdict, ...] = ("differs", "cannot tell", "agrees")


@dataclass(frozen=True)
class StepAgreement:
    """One value of the program, and how it compares.

    Attributes:
        name: of the value; `exp_avg.w1` is what the optimiser keeps for `w1`.
        part: which pass of the program makes it.
        function: the function of the program (the module) that its line stands in.
        code: the program's line.
        lines: all lines that were compared here: the line itself, and those before it whose values
            the other side does not have.
        theirs: what the other side does instead; empty where its lines are not known.
        judgements: by the format that both sides computed in, the lifted one first; by the name of
            the trace where traces were compared.
    """

    name: str
    part: Part
    function: str
    code: str
    lines: tuple[str, ...]
    theirs: str
    judgements: Mapping[str, Judgement]

    @property
    def verdict(self) -> Verdict:
        return worst(judgement.verdict for judgement in self.judgements.values())

    @property
    def worst(self) -> tuple[str, Judgement]:
        """The format in which the difference is the largest share of its bound, failing ones
        first."""
        return max(
            self.judgements.items(),
            key=lambda item: (-WORST_FIRST.index(item[1].verdict), item[1].share),
        )

    @property
    def share(self) -> float:
        """The largest difference as a share of its bound, in any format."""
        return max(judgement.share for judgement in self.judgements.values())

    @property
    def caught(self) -> float:
        """The smallest relative slip that would have been seen in any format."""
        return min(judgement.caught for judgement in self.judgements.values())


@dataclass(frozen=True)
class Finding:
    """The first step that parts: where, by how much, and which side is off."""

    step: StepAgreement
    where: str
    """The format or the trace in which it parts."""
    element: Element
    side: str
    """Which side a third computation speaks against; empty where there is none."""
    witness: str

    @property
    def ratio(self) -> float:
        """How many times its bound the difference is."""
        return self.element.share


@dataclass(frozen=True)
class Unseen:
    """A known slip that the check could not have told from rounding at these inputs."""

    kind: str
    what: str
    function: str
    """The function of the program in which it stands."""
    line: str
    because: str
    separated_by: str
    """Inputs at which it would show; empty if none of those tried does."""


@dataclass(frozen=True)
class Agreement:
    """Two implementations of one network, held against each other step by step.

    Attributes:
        name: of the network.
        sides: what the two are called, ours first.
        precision: what the other side computed in; every step was compared in float64 as well.
        epochs: of training that were compared, after the evaluation at the initial weights.
        steps: every value in the order of the program.
        first: the first step that parts, or None.
        undetected: known slips that would have gone unseen; None where this was not asked.
        course: by format, the largest share of a bound in each pass: the evaluation, every epoch.
        broken: which value is no finite number, and from which epoch on; nothing is compared there.
        ignored: names of arrays that the network has no value for.
    """

    name: str
    sides: tuple[str, str]
    precision: Format
    epochs: int
    steps: tuple[StepAgreement, ...]
    first: Finding | None
    undetected: tuple[Unseen, ...] | None = None
    slips: int = 0
    """How many known slips were tried."""
    course: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    broken: tuple[str, int] | None = None
    ignored: tuple[str, ...] = ()

    @property
    def verdict(self) -> Verdict:
        return worst(step.verdict for step in self.steps)

    @property
    def ok(self) -> bool:
        """Whether every step agrees within its bound."""
        return self.verdict == "agrees"

    @property
    def exit_code(self) -> int:
        """0 agrees, 1 differs, 3 cannot tell."""
        return EXIT_CODES[self.verdict]

    @property
    def formats(self) -> tuple[str, ...]:
        """What was computed in, float64 first; or the names of the traces."""
        return tuple(dict.fromkeys(f for step in self.steps for f in step.judgements))

    def step(self, name: str, part: Part | None = None) -> StepAgreement:
        """The step that makes a value; a weight is in `data` and, trained, in `update`."""
        return next(s for s in self.steps if s.name == name and part in (None, s.part))

    def to_json(self) -> str:
        """Everything, as JSON; infinite numbers are the string `inf`."""
        return json.dumps(_plain(self), indent=2, ensure_ascii=False) + "\n"

    def __str__(self) -> str:
        from backhand.agreement.telling import plain_text

        return plain_text(self)

    def _repr_html_(self) -> str:
        """For notebooks."""
        from backhand.agreement.telling import html

        return html(self)


def worst(verdicts: Iterator[Verdict] | list[Verdict]) -> Verdict:
    """The verdict of a whole from those of its parts."""
    found = set(verdicts)
    return next((verdict for verdict in WORST_FIRST if verdict in found), "agrees")


def _plain(agreement: Agreement) -> dict[str, Any]:
    first = agreement.first
    return {
        "name": agreement.name,
        "verdict": agreement.verdict,
        "sides": list(agreement.sides),
        "precision": agreement.precision,
        "epochs": agreement.epochs,
        "first": None if first is None else {
            "name": first.step.name,
            "part": first.step.part,
            "where": first.where,
            **element_json(first.element),
            "ratio": number_json(first.ratio),
            "side": first.side,
            "witness": first.witness,
        },
        "steps": [step_json(step) for step in agreement.steps],
        "course": {f: [number_json(share) for share in c] for f, c in agreement.course.items()},
        "slips": agreement.slips,
        "undetected": None if agreement.undetected is None
        else [asdict(unseen) for unseen in agreement.undetected],
        "broken": None if agreement.broken is None
        else {"name": agreement.broken[0], "epoch": agreement.broken[1]},
    }  # fmt: skip


def step_json(step: StepAgreement) -> dict[str, Any]:
    return {
        "name": step.name,
        "part": step.part,
        "verdict": step.verdict,
        "function": step.function,
        "line": step.code,
        "lines": list(step.lines),
        "theirs": step.theirs,
        "formats": {f: _judgement(j) for f, j in step.judgements.items()},
    }


def _judgement(judgement: Judgement) -> dict[str, Any]:
    return {
        "verdict": judgement.verdict,
        "share": number_json(judgement.share),
        "likely_share": None if judgement.likely is None else number_json(judgement.likely),
        "caught": number_json(judgement.caught),
        "elements": judgement.elements,
        "blind": judgement.blind,
        "unexplained": judgement.unexplained,
        "widest": None if judgement.widest is None else element_json(judgement.widest),
        "first": None if judgement.first is None else element_json(judgement.first),
        "reason": judgement.reason,
        "misfit": judgement.misfit,
    }


def element_json(element: Element) -> dict[str, Any]:
    return {
        "epoch": element.epoch,
        "index": list(element.index),
        "ours": number_json(element.ours),
        "theirs": number_json(element.theirs),
        "bound": number_json(element.bound),
    }


def number_json(number: float) -> float | str:
    """JSON has no infinity and no nan."""
    return number if abs(number) < float("inf") else str(number)
