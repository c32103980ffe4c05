"""What each side calls a step: our line, and PyTorch's line or its autograd of one."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from backhand.agreement.judging import Part
from backhand.agreement.statements import Statement, statements, update_statements
from backhand.experiment import Experiment, Library
from backhand.rules.updates import UPDATES
from backhand.writers.program import Program


@dataclass(frozen=True)
class Labels:
    """Lines of both programs by the value that they make."""

    made_by: Mapping[str, Statement]
    updates: Mapping[str, str]
    torch: Mapping[str, str]
    undone: Mapping[str, str]
    """By a derivative, the forward value whose line it undoes."""
    states: Mapping[str, str]
    """By PyTorch's name of what an optimiser keeps, ours."""
    optimizer: str

    @classmethod
    def of(cls, experiment: Experiment, programs: Mapping[Library, Program]) -> "Labels":
        network, training = experiment.network, experiment.training
        torch = dict(programs["torch"].lines)
        for step in network.forward.body:
            if step.function == "dropout":  # PyTorch draws the mask where it multiplies
                torch[step.inputs[1].name] = torch[step.output.name]
        backward = network.backward.body if network.backward else ()
        update = UPDATES[training.optimizer] if training else None
        text = programs["numpy"].text
        return cls(
            statements(text),
            update_statements(text),
            torch,
            {value.name: step.undoes for step in backward for value in step.made()},
            {theirs: ours for ours, theirs in update.torch_states.items()} if update else {},
            _optimizer(programs["torch"].text, update.torch if update else ""),
        )

    def function(self, part: Part, name: str) -> str:
        """The function of the program in which the step stands."""
        if part in ("data", "update"):
            return part
        return self.made_by[name].function

    def code(self, part: Part, name: str) -> str:
        """Our line."""
        if part == "data":
            return name
        if part == "update":
            state = self.states.get(name.partition(".")[0], "w") if "." in name else "w"
            return self.updates.get(state, "update(...)")
        return self.made_by[name].code

    def theirs(self, part: Part, name: str) -> str:
        """What PyTorch does there."""
        if part == "data":
            return name
        if part == "update":
            return self.optimizer
        if part == "backward":
            undone = self.undone.get(name, "")
            line = self.torch.get(undone) or self.torch.get("loss", "")
            return f"autograd of `{line}`" if undone else "autograd, added up"
        return self.torch.get(name, "")


def _optimizer(text: str, name: str) -> str:
    """The line of PyTorch's program that changes the weights."""
    lines = [line.strip() for line in text.splitlines()]
    plain = next((line for line in lines if line.startswith("w -= ")), "")
    made = re.search(r"^ *optimizer = (.*?\))$", text, re.MULTILINE | re.DOTALL)
    return plain or (re.sub(r"(?<=\()\s+|\s+(?=\))", "", made[1]) if made else name)
