"""Names for values that the user gave none: the noun of the operator, numbered."""

from collections import Counter
from dataclasses import replace

from backhand.graph import Kind, Network, Step, Value, check
from backhand.passes.reserved import is_reserved
from backhand.rules.register import rule


def name_all(network: Network) -> Network:
    """The network with a name for every value of the forward pass and the loss."""
    taken = {v.name for kind in network.kinds for v in kind.values() if not v.is_nameless}
    nouns = {
        value.name: rule(step.function).noun
        for step in network.steps
        for value in step.made()
        if value.is_nameless
    }
    if not nouns:
        return network
    often = {noun for noun, count in Counter(nouns.values()).items() if count > 1}
    names: dict[str, str] = {}
    for nameless, noun in nouns.items():
        names[nameless] = _free(noun, taken, numbered=noun in often)
        taken.add(names[nameless])
    renamed = replace(
        network,
        forward=_rename_kind(network.forward, names),
        loss=_rename_kind(network.loss, names) if network.loss else None,
    )
    return check(renamed)


def _free(noun: str, taken: set[str], *, numbered: bool) -> str:
    if not numbered and noun not in taken and not is_reserved(noun):
        return noun
    number = 1
    while f"{noun}{number}" in taken or is_reserved(f"{noun}{number}"):
        number += 1
    return f"{noun}{number}"


def _rename_kind(kind: Kind, names: dict[str, str]) -> Kind:
    def renamed(value: Value) -> Value:
        return replace(value, name=names.get(value.name, value.name))

    def renamed_step(step: Step) -> Step:
        return replace(
            step,
            inputs=tuple(map(renamed, step.inputs)),
            outputs=tuple(renamed(v) if v else None for v in step.outputs),
        )

    return replace(
        kind,
        inputs=tuple(map(renamed, kind.inputs)),
        parameters=tuple(map(renamed, kind.parameters)),
        outputs=tuple(map(renamed, kind.outputs)),
        body=tuple(map(renamed_step, kind.body)),
    )
