"""The derivative of each kind by itself: its body in reverse, its calls by their kinds' own
derivatives, its loops repetition by repetition, the last one first.

As in `network.py`, broadcasting is undone and fan-in is added up here and nowhere else.
Source: Griewank and Walther, Evaluating Derivatives (2008), ch. 3, reverse mode.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace

from backhand.derive.activity import Active, activity
from backhand.derive.loops import undo_loop
from backhand.derive.nameless import settled
from backhand.derive.pairs import CallBack, Derived, Pair, Undoing
from backhand.derive.reading import in_order, read_from_forward, saved_size, sizes_unseen
from backhand.derive.scope import Scope
from backhand.derive.shapes import Instance
from backhand.derive.steps import undo_step
from backhand.graph import Call, Loop, Nested, NestedKind, Statement, Value
from backhand.passes.unify import with_sizes


def derive_kinds(
    network: Nested,
    *,
    trained: Iterable[str],
    outputs: Iterable[int],
    sizes: Mapping[str, int],
) -> Derived:
    """A backward function for each kind of a nested network, by its cotangents.

    Args:
        network: named, without a loss.
        trained: names of the network's parameters and inputs that have a derivative.
        outputs: numbers of its outputs by which a cotangent is given.
        sizes: a number for each of its named sizes, with which rules are tried.
    """
    active = activity(network, trained, outputs)
    instances = _instances(network, Instance(sizes, {}))
    pairs: dict[str, Pair] = {}
    for kind in (*network.functions, network.forward):
        instance = instances.get(kind.name, Instance(sizes, {}))
        pairs[kind.name] = _pair(kind, active[kind.name], pairs, instance)
    return Derived(network, tuple(pairs.values()))


def _instances(network: Nested, top: Instance) -> dict[str, Instance]:
    """For each kind its first call, callers before what they call."""
    found = {network.forward.name: top}
    kinds = {kind.name: kind for kind in network.functions}
    for kind in (network.forward, *reversed(network.functions)):
        if kind.name in found:
            _visit(kind.body, found[kind.name], kinds, found)
    return found


def _visit(
    body: Iterable[Statement],
    here: Instance,
    kinds: Mapping[str, NestedKind],
    found: dict[str, Instance],
) -> None:
    for part in body:
        if isinstance(part, Loop):
            first = {letter: here.length(column[0]) for letter, column in part.sizes}
            _visit(part.body, replace(here, sizes={**here.sizes, **first}), kinds, found)
        elif isinstance(part, Call) and part.kind not in found:
            own = {letter: here.length(size) for letter, size in part.sizes}
            given = {name: here.attribute(value) for name, value in part.attributes}
            found[part.kind] = Instance({**here.sizes, **own}, given)


def _pair(kind: NestedKind, active: Active, pairs: Mapping[str, Pair], instance: Instance) -> Pair:
    """A kind with its derivative."""
    scope = Scope.of(kind, active, pairs, instance)
    outputs = tuple(sorted(n for n in active.returned if kind.outputs[n].name in active.values))
    cotangents = []
    for number in outputs:
        value = kind.outputs[number]
        cotangent = Value(scope.fresh(f"d{value.name}"), value.shape)
        cotangents.append(cotangent)
        scope.parts.setdefault(value.name, []).append(cotangent)
    undo_body(kind.body, scope)
    inputs = tuple(scope.total(value) for value in kind.inputs)
    parameters = tuple(scope.total(value) for value in kind.parameters)
    body = settled(tuple(scope.body), (*inputs, *parameters))
    inputs, parameters = _unveiled(inputs), _unveiled(parameters)
    return Pair(
        kind,
        outputs,
        tuple(cotangents),
        body,
        inputs,
        parameters,
        _saved(kind, body, cotangents, pairs),
    )


def _saved(
    kind: NestedKind, body: tuple[Undoing, ...], cotangents: list[Value], pairs: Mapping[str, Pair]
) -> tuple[str, ...]:
    """What the forward hands to the backward: all that it reads but parameters and cotangents."""
    known = {value.name for value in (*kind.parameters, *cotangents)} | set(kind.attributes)
    read = (name for name in read_from_forward(body, pairs) if name not in known)
    found = in_order(read, kind.body)
    shown = (*cotangents, *kind.parameters, *(v for v in kind.values() if v.name in found))
    return (*found, *map(saved_size, sizes_unseen(body, shown)))


def _unveiled(values: Iterable[Value | None]) -> tuple[Value | None, ...]:
    """The values under the names that they get because they are returned."""
    return tuple(v and replace(v, name=v.name.removeprefix("%")) for v in values)


def undo_body(body: Iterable[Statement], scope: Scope) -> None:
    """Append to the scope what undoes these statements, the last first."""
    for part in reversed(tuple(body)):
        if isinstance(part, Loop):
            undo_loop(part, scope, undo_body)
        elif isinstance(part, Call):
            _undo_call(part, scope)
        elif any(scope.is_active(value) for value in part.made()):
            undo_step(part, scope)


def _undo_call(call: Call, scope: Scope) -> None:
    pair = scope.pairs[call.kind]
    reached = [v for v in call.made() if scope.parts.get(v.name)]
    if not pair.has_backward or not reached:
        return
    slots = [with_sizes(pair.kind.outputs[n], dict(call.sizes)) for n in pair.outputs]
    made = [call.outputs[n] for n in pair.outputs]
    cotangents = tuple(map(scope.cotangent, made, slots))
    inputs = _parts(call.inputs, pair.inputs, call, scope)
    parameters = _parts(call.parameters, pair.parameters, call, scope)
    scope.body.append(CallBack(call, cotangents, inputs, parameters, reached[0].name))


def _parts(
    values: Iterable[Value], derivatives: Iterable[Value | None], call: Call, scope: Scope
) -> tuple[Value | None, ...]:
    """A part of the derivative by each of a call's operands that the kind has a derivative by."""
    found: list[Value | None] = []
    through = next(value.name for value in call.made())
    for value, derivative in zip(values, derivatives, strict=True):
        if derivative is None:
            continue
        if scope.is_active(value):
            part = Value(scope.part_name(value, through), value.shape)
            scope.parts.setdefault(value.name, []).append(part)
            found.append(part)
        else:
            found.append(None)
    return tuple(found)
