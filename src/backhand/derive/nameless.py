"""Derivatives without a name: they stand within the line that reads them, if one line does."""

import ast
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import replace

from backhand.derive.pairs import Back, CallBack, LoopBack, Summed, Undoing
from backhand.graph import Each, Step, Value
from backhand.rules.operations import operation


def settled(body: tuple[Undoing, ...], returned: Iterable[Value | None]) -> tuple[Undoing, ...]:
    """The body with a name for every derivative that needs one after all."""
    new = {name: name.removeprefix("%") for name in _needing(body, returned)}
    return tuple(_renamed(part, new) for part in body)


def _needing(body: tuple[Undoing, ...], returned: Iterable[Value | None]) -> set[str]:
    """Nameless derivatives that are returned, made or read by more than a line of one expression,
    or read more than once."""
    needing = {value.name for value in returned if value is not None}
    uses: Counter[str] = Counter()
    for part in body:
        if isinstance(part, Step):
            uses.update(_read(part))
            if len(part.outputs) > 1:
                needing |= {value.name for value in part.made()}
            continue
        needing |= {value.name for value in (*part.operands, *part.made())}
        if isinstance(part, LoopBack):
            ends = (part.parameters, part.taken, part.given)
            inside = [each.value for group in ends for each in group]
            inside += [one.part for one in part.summed]
            inside += [v for back in part.carried for v in (back.cotangent, back.found)]
            needing |= {value.name for value in inside} | _needing(part.body, inside)
    needing |= {name for name, times in uses.items() if times != 1}
    return {name for name in needing if name.startswith("%")}


def _read(step: Step) -> Counter[str]:
    """How often the line of a step says each of its inputs."""
    op = operation(step.function)
    if len(op.expressions) != 1 or op.function.rest:
        return Counter(value.name for value in step.inputs)
    nodes = ast.walk(op.expressions[0])
    times = Counter(node.id for node in nodes if isinstance(node, ast.Name))
    pairs = zip(op.parameters, step.inputs, strict=True)
    return Counter({value.name: times[parameter] for parameter, value in pairs})


def renamed_values(values: Iterable[Value], new: Mapping[str, str]) -> tuple[Value, ...]:
    return tuple(_value(value, new) for value in values)


def _value(value: Value, new: Mapping[str, str]) -> Value:
    return replace(value, name=new.get(value.name, value.name))


def _optional(values: Iterable[Value | None], new: Mapping[str, str]) -> tuple[Value | None, ...]:
    return tuple(value and _value(value, new) for value in values)


def _each(group: Iterable[Each], new: Mapping[str, str]) -> tuple[Each, ...]:
    return tuple(Each(_value(e.value, new), _optional(e.outside, new)) for e in group)


def _renamed(part: Undoing, new: Mapping[str, str]) -> Undoing:
    if isinstance(part, Step):
        inputs, outputs = renamed_values(part.inputs, new), _optional(part.outputs, new)
        return replace(part, inputs=inputs, outputs=outputs)
    if isinstance(part, CallBack):
        return replace(
            part,
            cotangents=renamed_values(part.cotangents, new),
            inputs=_optional(part.inputs, new),
            parameters=_optional(part.parameters, new),
        )
    return _renamed_loop(part, new)


def _renamed_loop(part: LoopBack, new: Mapping[str, str]) -> LoopBack:
    body = tuple(_renamed(inner, new) for inner in part.body)
    assert all(not isinstance(inner, LoopBack) for inner in body)
    return replace(
        part,
        carried=tuple(
            Back(
                _value(back.cotangent, new),
                _value(back.start, new),
                _value(back.found, new),
                back.outside and _value(back.outside, new),
            )
            for back in part.carried
        ),
        summed=tuple(Summed(_value(o.part, new), _value(o.total, new)) for o in part.summed),
        given=_each(part.given, new),
        body=body,  # type: ignore[arg-type]
        taken=_each(part.taken, new),
        parameters=_each(part.parameters, new),
    )
