"""What the saved values of calls and loops are called: after the modules, `saved_attn`."""

from collections.abc import Iterable

from backhand.derive.reading import saved_by
from backhand.graph import Call, Loop, NestedKind, Statement
from backhand.passes.kinds import snake_case
from backhand.passes.nesting import identifier


def saved_names(kind: NestedKind) -> dict[str, str]:
    """For each call and loop of a kind's body what it saves, as it is written."""
    taken = {identifier(value.name) for value in kind.values()}
    found: dict[str, str] = {}
    _add(kind.body, frozenset(), taken, found)
    return found


def _add(
    body: Iterable[Statement], variables: frozenset[str], taken: set[str], found: dict[str, str]
) -> None:
    for part in body:
        if isinstance(part, Call | Loop):
            base = _of_loop(part) if isinstance(part, Loop) else _of_call(part, variables)
            name, number = f"saved_{base}", 1
            while name in taken:
                number += 1
                name = f"saved_{base}{number}"
            taken.add(name)
            found[saved_by(part)] = name
        if isinstance(part, Loop):
            _add(part.body, frozenset(one.variable for one in part.slices), taken, found)


def _of_call(call: Call, variables: frozenset[str]) -> str:
    last = call.module.path.rpartition(".")[2].removeprefix("/")
    if last in variables or not last.isidentifier():
        return snake_case(call.module.class_name).rpartition("_")[2]
    return last


def _of_loop(loop: Loop) -> str:
    path = loop.slices[0].path.rpartition(".")[2] if loop.slices else ""
    return identifier(path) or "layers"
