"""The derivative of a loop: its body undone once, in a scope of its own, for every repetition."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace

from backhand.derive.pairs import ZERO, Back, LoopBack, Pair, Summed, Undoing
from backhand.derive.reading import in_order, names_inside, read_from_forward
from backhand.derive.scope import Scope
from backhand.graph import Each, Loop, Statement, Value

UndoBody = Callable[[Iterable[Statement], Scope], None]


def undo_loop(loop: Loop, scope: Scope, undo_body: UndoBody) -> None:
    """Append to the scope what undoes a loop, if any derivative goes through it."""
    if not any(scope.parts.get(value.name) for value in loop.made()):
        return
    inside = scope.inside(loop)
    given = tuple(_given(each, scope, inside) for each in loop.collected if _has_list(each, scope))
    starts = {c.after.name: _start(c.after, loop, scope) for c in loop.carried}
    cotangents = {}
    for carried in loop.carried:
        if inside.is_active(carried.after) and inside.is_active(carried.value):
            name = inside.fresh(f"d{_plain(carried.after)}")
            cotangents[carried.after.name] = cotangent = Value(name, carried.after.shape)
            inside.parts.setdefault(carried.after.name, []).append(cotangent)
    undo_body(loop.body, inside)
    backs = []
    for carried in loop.carried:
        if carried.after.name not in cotangents:
            continue
        found = inside.total(carried.value) or replace(ZERO, shape=carried.value.shape)
        outside = _part(carried.start, loop, scope)
        cotangent = cotangents[carried.after.name]
        backs.append(Back(cotangent, starts[carried.after.name], found, outside))
    summed = tuple(_summed(value, inside, scope, loop) for value in loop.invariant)
    body = tuple(inside.body)
    wanted = [each for each in loop.parameters if _wanted(each, inside)]
    scope.body.append(
        LoopBack(
            loop,
            tuple(backs),
            tuple(one for one in summed if one),
            given,
            body,  # type: ignore[arg-type]
            tuple(_each(each, inside, scope, loop) for each in loop.taken if _wanted(each, inside)),
            tuple(_each(each, inside, scope, loop) for each in wanted),
            tuple(each.value.name for each in wanted),
            _saved(loop, body, scope.pairs),
            loop.made()[0].name,
        )
    )


def _saved(loop: Loop, body: tuple[Undoing, ...], pairs: Mapping[str, Pair]) -> tuple[str, ...]:
    """What each repetition saves; what it has from outside is saved there."""
    inside = names_inside(loop) - {each.value.name for each in loop.parameters}
    read = (name for name in read_from_forward(body, pairs) if name in inside)
    return in_order(read, loop.body)


def _plain(value: Value) -> str:
    return value.name.removeprefix("%")


def _has_list(each: Each, scope: Scope) -> bool:
    """Whether derivatives come back by more than the last of what is collected."""
    return any(v is not None and scope.parts.get(v.name) for v in each.outside[:-1])


def _given(each: Each, scope: Scope, inside: Scope) -> Each:
    """The derivatives by what is collected, and their name within the body."""
    value = Value(inside.fresh(f"d{_plain(each.value)}"), each.value.shape)
    inside.parts.setdefault(each.value.name, []).append(value)
    return Each(value, tuple(scope.cotangent(v, each.value) for v in each.outside))


def _start(after: Value, loop: Loop, scope: Scope) -> Value:
    """The derivative by what the last repetition leaves, where only that is read outside."""
    for each in loop.collected:
        last = each.outside[-1]
        if each.value.name == after.name and not _has_list(each, scope) and last is not None:
            found = scope.total(last)
            if found is not None:
                return found
    return replace(ZERO, shape=after.shape)


def _part(value: Value, loop: Loop, scope: Scope) -> Value | None:
    """A part of the derivative by a value outside, if it has one."""
    if not scope.is_active(value):
        return None
    part = Value(scope.part_name(value, loop.made()[0].name), value.shape)
    scope.parts.setdefault(value.name, []).append(part)
    return part


def _summed(value: Value, inside: Scope, scope: Scope, loop: Loop) -> Summed | None:
    part = inside.total(value)
    total = _part(value, loop, scope) if part else None
    return Summed(part, total) if part and total else None


def _wanted(each: Each, inside: Scope) -> bool:
    return inside.total(each.value) is not None


def _each(each: Each, inside: Scope, scope: Scope, loop: Loop) -> Each:
    """The derivative by what a repetition takes, and its parts outside."""
    found = inside.total(each.value)
    assert found is not None
    return Each(found, tuple(v and _part(v, loop, scope) for v in each.outside))
