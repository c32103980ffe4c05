"""Steps whose results nobody reads go, but for those that draw: a draw moves all later ones.

Assertions, which have no result, go with them: the numbers that they are about were captured.
Afterwards every step makes something that a later step or the caller reads, or draws.
"""

from collections.abc import Collection
from dataclasses import replace

from backhand.graph import Network, Step
from backhand.passes.functionalise import is_in_place
from backhand.passes.rewriting import rebuilt


def without_dead(
    network: Network, random: Collection[str], written: Collection[str] = ()
) -> Network:
    """The network without dead steps; outputs of a step that nobody reads become None.

    Args:
        network: steps under the names of PyTorch's operators.
        random: operators that may draw.
        written: names of buffers that stay though nobody reads them: their new values are kept.
    """
    read = {value.name for value in network.forward.outputs}
    kept: list[Step] = []
    for step in reversed(network.forward.body):
        outputs = tuple(v if v is not None and v.name in read else None for v in step.outputs)
        if any(outputs) or step.function in random or is_in_place(step.function):
            read |= {value.name for value in step.inputs}
            several = len(outputs) > 1
            kept.append(replace(step, outputs=outputs if several else step.outputs))
    stays = read | set(written)
    parameters = [v for v in network.forward.parameters if v.name in stays]
    return rebuilt(network, kept[::-1], {}, parameters)
