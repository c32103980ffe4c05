"""What the arrays of attention are called where the source has no names for them.

In softmax(q @ kt) @ v the first product has the queries and the keys, its keys' last two axes
swapped, and the second has the values. Source: Vaswani et al., Attention Is All You Need (2017).
"""

from collections.abc import Iterator, Mapping, Sequence

from backhand.graph import Statement, Step, Value
from backhand.passes.nouns import REARRANGING

SOFTMAX = frozenset({"softmax", "safe_softmax"})
BETWEEN = frozenset({"mul", "div", "add", "where", "causal", "dropout"})
"""What may stand between a product and softmax, or softmax and the other product."""


def attention_names(body: Sequence[Statement]) -> dict[str, str]:
    """Names for what goes into attention in these lines, by the values' names."""
    steps = [part for part in body if isinstance(part, Step)]
    makers = {value.name: step for step in steps for value in step.made()}
    found: dict[str, str] = {}
    for step in steps:
        if step.function != "matmul":
            continue
        weights, values = step.inputs
        softmax = _before(weights, SOFTMAX, makers)
        scores = softmax and _before(softmax.inputs[0], frozenset({"matmul"}), makers)
        if scores is not None:
            queries, keys = scores.inputs
            for value, name in ((queries, "q"), (keys, "k"), (values, "v")):
                found |= dict.fromkeys(_through(value, makers), name)
            if _swaps(makers.get(keys.name)):
                found[keys.name] = "kt"
    return found


def _before(value: Value, wanted: frozenset[str], makers: Mapping[str, Step]) -> Step | None:
    """The step of one of these functions that a value comes from, what lies between left out."""
    step = makers.get(value.name)
    while step is not None and step.function not in wanted:
        if step.function not in BETWEEN:
            return None
        inputs = step.inputs[1:] if step.function == "where" else step.inputs
        ways = (makers.get(v.name) for v in inputs)
        step = next((way for way in ways if way and way.function in {*BETWEEN, *wanted}), None)
    return step


def _through(value: Value, makers: Mapping[str, Step]) -> Iterator[str]:
    """A value, and those that it is a rearrangement or one part of."""
    step = makers.get(value.name)
    while step is not None and step.function in {*REARRANGING, "select"}:
        yield value.name
        if step.function == "select":
            return
        value = step.inputs[0]
        step = makers.get(value.name)


def _swaps(step: Step | None) -> bool:
    """Whether a step swaps the last two axes."""
    if step is None or step.function != "swapaxes":
        return False
    axes = {"first": -1, "second": -2} | dict(step.attributes)
    rank = len(step.output.shape)
    return {int(str(axis)) % rank for axis in axes.values()} == {rank - 2, rank - 1}
