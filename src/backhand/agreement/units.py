"""Units of comparison: how a value is made from values that have names, in the graph."""

from collections.abc import Iterator

from backhand.graph import Network, Step, Value
from backhand.run.probes import Uses


def makers(network: Network) -> dict[str, Step]:
    """By the name of a value, nameless ones too, the step that makes it."""
    return {v.name: s for kind in network.kinds for s in kind.body for v in s.made()}


def unit(name: str, made_by: dict[str, Step], known: frozenset[str]) -> tuple[Step, ...]:
    """The steps in order that lead from `known` values to the one of that name."""
    found: dict[int, Step] = {}

    def add(name: str) -> None:
        step = made_by.get(name)
        if step is None or id(step) in found:
            return
        for value in step.inputs:
            if value.literal is None and value.name not in known:
                add(value.name)
        found[id(step)] = step

    add(name)
    return tuple(found.values())


def uses(network: Network) -> Uses:
    """What the derivative through each single use of a value is called, where it has several."""
    if network.backward is None:
        return {}
    backward = {value.name for value in network.backward.values()}
    forward = {value.name for step in network.steps for value in step.made()}
    alone = {
        (made, read.name): part
        for made, read in _reads(network)
        if (part := f"d{read.name}_{made}") in backward and f"{read.name}_{made}" not in forward
    }
    return alone | {(p, x): part for part, (p, x) in skipping(network).items() if part != f"d{x}"}


def skipping(network: Network) -> dict[str, tuple[str, str]]:
    """By a derivative of two steps together, softmax and cross-entropy say, what the first of them
    makes and reads: the derivative skips the one and is by the other."""
    made_by = makers(network)
    found = {}
    for name, step in made_by.items():
        activation, plus, _ = step.function.partition("+")
        if plus and activation:
            maker = next(
                m for v in step.inputs if (m := made_by.get(v.name)) and m.function == activation
            )
            found[name] = (maker.output.name, maker.inputs[0].name)
    return found


def _reads(network: Network) -> Iterator[tuple[str, Value]]:
    """Pairs of a named forward value and a named value that its line reads."""
    made_by = makers(network)

    def named(step: Step) -> Iterator[Value]:
        for value in step.inputs:
            if value.is_nameless:
                yield from named(made_by[value.name])
            elif value.literal is None:
                yield value

    for step in network.steps:
        if not step.output.is_nameless:
            yield from ((step.output.name, value) for value in named(step))
