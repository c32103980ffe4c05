"""Names for values that the user gave none: the noun of the operator, numbered.

A part of a formula that nothing else needs stays nameless, and is written where it is used; one
whose value or derivative the backward pass reads gets a name, and its derivative with it.
"""

import re
from collections import Counter
from collections.abc import Callable
from dataclasses import replace

from backhand.graph import Kind, Network, Step, Value, check
from backhand.passes.reserved import is_reserved
from backhand.rules.register import rule

NAMELESS = re.compile(r"%\d+")


def name_all(network: Network) -> Network:
    """The network with a name for every value of the forward pass that needs one."""
    taken = {v.name for kind in network.kinds for v in kind.values() if "%" not in v.name}
    uses = Counter(value.name for step in network.steps for value in step.inputs)
    nouns = {
        value.name: rule(step.function).noun
        for step in network.steps
        for value in step.made()
        if value.is_nameless
        and (_is_landmark(step) or uses[value.name] > 1 or _is_needed(value, network))
    }
    often = {noun for noun, count in Counter(nouns.values()).items() if count > 1}
    names: dict[str, str] = {}
    for nameless, noun in nouns.items():
        names[nameless] = _free(noun, taken, numbered=noun in often)
        taken.add(names[nameless])

    def new(text: str) -> str:
        return NAMELESS.sub(lambda found: names.get(found[0], found[0]), text)

    return check(_renamed(network, new))


def _is_landmark(step: Step) -> bool:
    """What always has a line of its own: the losses that a loss is made of, and what is drawn, so
    that the order of the draws is the order of the lines in both programs."""
    return step.function in ("dropout_mask", "dropout") or rule(step.function).output == "loss"


def _is_needed(value: Value, network: Network) -> bool:
    """Whether the backward pass reads this value, or makes its derivative or a part of it."""
    if network.backward is None:
        return False
    pattern = re.compile(re.escape(value.name) + r"(?!\d)")
    return any(pattern.search(v.name) for v in network.backward.values())


def _free(noun: str, taken: set[str], *, numbered: bool) -> str:
    """The noun, numbered if it is common; neither it nor its derivative's name is taken."""

    def is_free(name: str) -> bool:
        return not ({name, "d" + name} & taken or is_reserved(name))

    if not numbered and is_free(noun):
        return noun
    number = 1
    while not is_free(f"{noun}{number}"):
        number += 1
    return f"{noun}{number}"


def _renamed(network: Network, new: Callable[[str], str]) -> Network:
    """The network with `new` applied to every name and every sentence."""

    def value(old: Value) -> Value:
        return replace(old, name=new(old.name))

    def values(old: tuple[Value, ...]) -> tuple[Value, ...]:
        return tuple(map(value, old))

    def step(old: Step) -> Step:
        return replace(
            old,
            inputs=values(old.inputs),
            outputs=tuple(value(v) if v else None for v in old.outputs),
            undoes=new(old.undoes),
            because=new(old.because),
        )

    def kind(old: Kind | None) -> Kind | None:
        return old and replace(
            old,
            inputs=values(old.inputs),
            parameters=values(old.parameters),
            outputs=values(old.outputs),
            body=tuple(map(step, old.body)),
        )

    forward = kind(network.forward)
    assert forward is not None
    return replace(
        network,
        forward=forward,
        loss=kind(network.loss),
        backward=kind(network.backward),
        saved=values(network.saved),
        saved_by_loss=values(network.saved_by_loss),
    )
