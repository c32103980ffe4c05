"""What a value is called whose source has no name for it: after what made it."""

from collections.abc import Collection, Iterable, Mapping

from backhand.graph import Call, NestedKind, Statement, Step, Value
from backhand.passes.kinds import snake_case
from backhand.passes.nesting import identifier
from backhand.passes.reserved import is_operator
from backhand.rules.register import rule

REARRANGING = frozenset(
    {"reshape", "permute", "transpose", "swapaxes", "moveaxis", "unsqueeze", "squeeze"}
    | {"broadcast_to"}
)
"""Functions whose result is what they are given, its axes cut or in another order."""

PLAIN = "t"
"""What is said of anything."""

UNSAID = frozenset({"self", "cls"})
"""Names of modules that mean something else where they stand by themselves."""

SPELLED = {"p": "probs"}
"""Other words for those that have a meaning in programs: `p` are the parameters."""


def noun_of(
    part: Step | Call,
    value: Value,
    kinds: Mapping[str, NestedKind],
    variables: Collection[str] = (),
) -> str:
    """What a result is called whose source has no name for it.

    Args:
        part: makes it.
        value: the result.
        kinds: by their names.
        variables: of loops, which stand for numbers in the paths of modules.
    """
    if isinstance(part, Call):
        return _noun_of_call(part, value, kinds, variables)
    known = rule(part.function)
    if len(part.outputs) > 1 and not known.outputs[0].startswith("*"):
        name = known.outputs[part.outputs.index(value)]
        return known.noun if name == "y" else name
    return SPELLED.get(known.noun, known.noun)


def _noun_of_call(
    call: Call, value: Value, kinds: Mapping[str, NestedKind], variables: Collection[str]
) -> str:
    """The module's name within its own; of one in a list what its last line calls its result."""
    last = call.module.path.rpartition(".")[2]
    if last.isidentifier() and last not in {*variables, *UNSAID} and not is_operator(last):
        return last
    kind = kinds[call.kind]
    output = kind.outputs[call.outputs.index(value)]
    makers = (s for s in kind.body if isinstance(s, Step | Call) and output in s.made())
    noun = next((noun_of(maker, output, kinds) for maker in makers), "")
    word = noun or identifier(snake_case(call.module.class_name))
    return "x" if not word or is_operator(word) or word == PLAIN else word


def stored_names(body: Iterable[Statement], paths: Mapping[str, str]) -> dict[str, str]:
    """`new_running_mean` for what is stored as `running_mean`, by the values' names.

    Args:
        body: of a kind.
        paths: the keys of the kind's parameters by their names.
    """
    stores = (s for s in body if isinstance(s, Step) and s.function == "store")
    pairs = ((s.inputs[1].name, paths.get(s.inputs[0].name, s.inputs[0].name)) for s in stores)
    return {value: f"new_{key.rpartition('.')[2]}" for value, key in pairs}
