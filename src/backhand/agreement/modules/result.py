"""What a comparison of a module found: its steps, forward and backward, and the whole."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from backhand.agreement.judging import Verdict
from backhand.agreement.result import (
    EXIT_CODES,
    Finding,
    StepAgreement,
    element_json,
    number_json,
    step_json,
    worst,
)
from backhand.experiment import Precision
from backhand.graph import Place

LIFTED: Precision = "float64"


@dataclass(frozen=True)
class ModuleStep(StepAgreement):
    """One step of a module, and how it compares.

    `name` is what the step makes in the flat network, or `dX` the derivative by X through it;
    `function` the rule, `code` the step in our words, `theirs` PyTorch's operator.

    Attributes:
        place: the line of the user's file, where PyTorch knows it.
        module: the path of the module in which it stands; empty for the outermost.
    """

    place: Place | None
    module: str


@dataclass(frozen=True)
class ModuleAgreement:
    """A module's NumPy program held against PyTorch, step by step and as a whole.

    Attributes:
        name: the module's class.
        precision: what the module computes in; all was compared in float64 as well.
        training: the mode in which it was compared.
        steps: what each operator makes, and each derivative through one operator alone.
        whole: results, loss, derivatives and buffers of the written program's text, by the names
            that the module has for them; `d w` is the derivative by w.
        first: the first that parts, or None.
        alike: of the whole, what can be told only of implementations that take the same side at
            every kink and tie: its bound is that of those.
        at_random: of the whole, what is told by what the program reaches when it is rounded at
            random: evidence, no proof.
        only_whole: operators whose derivative could not be looked at by itself.
        notes: what the program does otherwise than the module.
    """

    name: str
    precision: Precision
    training: bool
    steps: tuple[ModuleStep, ...]
    whole: tuple[StepAgreement, ...]
    first: Finding | None
    alike: tuple[str, ...] = ()
    at_random: tuple[str, ...] = ()
    only_whole: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def verdict(self) -> Verdict:
        """The worst of all; of the whole in a narrower format only what differs counts, for its
        running bound soon gets too wide there, and the text is the one that ran in float64."""
        return worst([*(step.verdict for step in self.steps), *map(_of_whole, self.whole)])

    @property
    def ok(self) -> bool:
        """Whether all agrees within its bounds."""
        return self.verdict == "agrees"

    @property
    def exit_code(self) -> int:
        """0 agrees, 1 differs, 3 cannot tell."""
        return EXIT_CODES[self.verdict]

    @property
    def formats(self) -> tuple[str, ...]:
        """What was computed in, float64 first."""
        return tuple(dict.fromkeys([LIFTED, self.precision]))

    def untold(self) -> Iterator[StepAgreement]:
        """What could not be told, and spoils the verdict."""
        yield from (step for step in self.steps if step.verdict == "cannot tell")
        yield from (one for one in self.whole if _of_whole(one) == "cannot tell")

    def to_json(self) -> str:
        """Everything, as JSON; infinite numbers are the string `inf`."""
        return json.dumps(_plain(self), indent=2, ensure_ascii=False) + "\n"

    def __str__(self) -> str:
        from backhand.agreement.modules.telling import plain_text

        return plain_text(self)


def _of_whole(one: StepAgreement) -> Verdict:
    if one.verdict == "differs":
        return "differs"
    lifted = one.judgements.get(LIFTED)
    return lifted.verdict if lifted else one.verdict


def _plain(found: ModuleAgreement) -> dict[str, Any]:
    return {
        "name": found.name,
        "verdict": found.verdict,
        "precision": found.precision,
        "training": found.training,
        "first": None if found.first is None else _first(found.first),
        "steps": [{**step_json(step), **_where(step)} for step in found.steps],
        "whole": [step_json(one) for one in found.whole],
        "alike": list(found.alike),
        "at_random": list(found.at_random),
        "only_whole": list(found.only_whole),
        "notes": list(found.notes),
    }


def _first(finding: Finding) -> dict[str, Any]:
    return {
        "name": finding.step.name,
        "part": finding.step.part,
        "where": finding.where,
        **element_json(finding.element),
        "ratio": number_json(finding.ratio),
        "side": finding.side,
        "witness": finding.witness,
        **_where(finding.step),
    }


def _where(step: StepAgreement) -> dict[str, Any]:
    if not isinstance(step, ModuleStep):
        return {}
    place = step.place
    return {
        "module": step.module,
        "file": place.file if place else None,
        "file_line": place.line if place else None,
        "text": place.text if place else None,
    }
