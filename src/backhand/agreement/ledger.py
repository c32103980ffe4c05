"""The ledger: every judgement of one run, kept by value, and what they come to."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from backhand.agreement.feeding import Seen, Values
from backhand.agreement.judging import Judgement, Part, Sight, joined, judged
from backhand.agreement.labels import Labels
from backhand.agreement.result import Agreement, Finding, StepAgreement
from backhand.agreement.statements import upstream
from backhand.agreement.witness import testimony
from backhand.experiment import Experiment, Format, Library
from backhand.writers.program import Program

Key = tuple[Part, str]


@dataclass
class Ledger:
    """What has been seen in one format so far."""

    precision: Format
    label: str = ""
    """What to call it; nothing means its format."""
    judgements: dict[Key, Judgement] = field(default_factory=dict)
    first: Key | None = None
    evidence: Values = field(default_factory=dict)
    """All values of the epoch in which a step first parted."""
    course: list[float] = field(default_factory=list)
    """The largest share of a bound in each pass: the evaluation, then every epoch."""
    compared: int = 0
    broken: tuple[str, int] | None = None

    def enter(self, seen: Seen, values: Values) -> None:
        """Judge what one pass has shown."""
        largest = 0.0
        for key, shown in seen.shown.items():
            judgement = judged(shown, self.precision) if isinstance(shown, Sight) else shown
            if judgement.first is not None and self.first is None:
                self.first, self.evidence = key, {**values, **seen.given}
            largest = max(largest, judgement.share)
            self._add(key, judgement)
        self.course.append(largest)
        for key, reason in seen.refused.items():
            self._add(key, Judgement(reason=reason))

    def _add(self, key: Key, judgement: Judgement) -> None:
        earlier = self.judgements.get(key)
        self.judgements[key] = joined(earlier, judgement) if earlier else judgement


def agreement_of(
    experiment: Experiment,
    programs: Mapping[Library, Program],
    ledgers: Sequence[Ledger],
    sides: tuple[str, str],
    folder: Path,
) -> Agreement:
    """What the ledgers hold, step by step, and the first step that parts."""
    labels = Labels.of(experiment, programs)
    steps = _steps(ledgers, labels)
    return Agreement(
        experiment.name,
        sides,
        ledgers[-1].precision,
        min(ledger.compared for ledger in ledgers),
        steps,
        _first(ledgers, steps, programs["numpy"], folder, sides),
        course={ledger.label or ledger.precision: tuple(ledger.course) for ledger in ledgers},
        broken=min((r.broken for r in ledgers if r.broken), key=lambda b: b[1], default=None),
    )


def _steps(ledgers: Sequence[Ledger], labels: Labels) -> tuple[StepAgreement, ...]:
    keys = dict.fromkeys(key for ledger in ledgers for key in ledger.judgements)
    known = frozenset(name for _, name in keys)
    found = []
    for part, name in keys:
        lines = upstream(name, labels.made_by, known - {name}) if part != "update" else []
        found.append(
            StepAgreement(
                name,
                part,
                labels.function(part, name),
                labels.code(part, name),
                tuple(statement.code for statement in lines) or (labels.code(part, name),),
                "" if ledgers[0].label else labels.theirs(part, name),
                {
                    ledger.label or ledger.precision: ledger.judgements[part, name]
                    for ledger in ledgers
                    if (part, name) in ledger.judgements
                },
            )
        )
    return tuple(found)


def _first(
    ledgers: Sequence[Ledger],
    steps: tuple[StepAgreement, ...],
    program: Program,
    folder: Path,
    sides: tuple[str, str],
) -> Finding | None:
    """The first step that parts, lifted if it does there: in time, then in the program's order."""
    for ledger in ledgers:
        if ledger.first is None:
            continue
        step = next(s for s in steps if (s.part, s.name) == ledger.first)
        element = ledger.judgements[ledger.first].first
        assert element is not None
        names = (sides[0], ledger.label or sides[1])
        side, words = testimony(
            step, element, ledger.evidence, ledger.precision, names, program, folder
        )
        return Finding(step, ledger.label or ledger.precision, element, side, words)
    return None
