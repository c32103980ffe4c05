"""The derivative of one step of a kind: what its rule says, with what broadcasting repeated
summed again."""

import ast
from dataclasses import replace

from backhand.derive.activity import of_parameters
from backhand.derive.fan_in import summed
from backhand.derive.pairs import ZERO
from backhand.derive.scope import Scope
from backhand.derive.shapes import part_shapes
from backhand.graph import Attribute, NamedSize, Step, Value
from backhand.rules.operations import operation
from backhand.rules.register import Rule, rule


def undo_step(step: Step, scope: Scope) -> None:
    """Append the steps that carry the derivatives of a step's outputs to its inputs."""
    known = rule(step.function)
    cotangents = tuple(scope.total(v) if v is not None else None for v in step.outputs)
    if known.backward is None or not any(cotangents):
        return
    available = _available(step, known, cotangents)
    wanted = [
        (parameter, value)
        for parameter, value in zip(of_parameters(known, step), step.inputs, strict=True)
        if parameter in known.wrt
    ]
    if known.backward.expressions and len(known.backward.expressions) == len(wanted):
        for parameter, value in wanted:
            if scope.is_active(value):
                _append(f"{step.function}.d{parameter}", available, value, step, scope)
    else:
        _append_whole(available, [value for _, value in wanted], step, scope)


def _available(
    step: Step, known: Rule, cotangents: tuple[Value | None, ...]
) -> dict[str, tuple[Value, ...]]:
    """What a backward may ask for by name: arrays that the step reads and makes, cotangents."""
    found: dict[str, tuple[Value, ...]] = {}
    for parameter, value in zip(of_parameters(known, step), step.inputs, strict=True):
        found[parameter] = (*found.get(parameter, ()), value)
    if known.outputs[0].startswith("*"):
        name = known.outputs[0][1:]
        found[name] = tuple(value for value in step.outputs if value is not None)
        return found | {f"d{name}": tuple(value or ZERO for value in cotangents)}
    for name, made, cotangent in zip(known.outputs, step.outputs, cotangents, strict=True):
        if made is not None:
            found[name] = (made,)
        found[f"d{name}"] = (cotangent or ZERO,)
    return found


def _backward_step(
    function: str,
    asked: tuple[str, ...],
    options: tuple[str, ...],
    available: dict[str, tuple[Value, ...]],
    step: Step,
) -> Step:
    """A step of a derivative, its outputs not known yet."""
    inputs = tuple(value for parameter in asked for value in available[parameter])
    given = dict(step.attributes)
    attributes = tuple((name, _option(name, given, available)) for name in options)
    undoes = next(value.name for value in step.made())
    return Step(function, inputs, (), attributes, step.place, undoes, modules=step.modules)


def _option(
    name: str, given: dict[str, Attribute], available: dict[str, tuple[Value, ...]]
) -> Attribute:
    """An attribute of the forward, or the shape of one of its inputs."""
    if name in given:
        return given[name]
    (value,) = available[name.removesuffix("_shape")]
    return tuple(NamedSize(size) if isinstance(size, str) else size for size in value.shape)


def _append(
    function: str,
    available: dict[str, tuple[Value, ...]],
    value: Value,
    step: Step,
    scope: Scope,
) -> None:
    """One derivative on a line of its own."""
    op = operation(function)
    back = _backward_step(function, op.parameters, op.attributes, available, step)
    like = next(v for v in step.made())
    (shape,) = part_shapes(back, (value,), like, scope.instance)
    if _is_the_cotangent(op.expressions[0], op.function.parameters[0]):
        _contribute(value, replace(back.inputs[0], shape=shape), step, scope)
        return
    whole = shape == value.shape
    name = scope.part_name(value, like.name) if whole else scope.fresh("%part")
    out = Value(name, shape)
    scope.body.append(replace(back, outputs=(out,)))
    _contribute(value, out, step, scope)


def _is_the_cotangent(expression: ast.expr, cotangent: str) -> bool:
    """Whether a derivative is the cotangent itself, as that of a sum is."""
    return isinstance(expression, ast.Name) and expression.id == cotangent


def _append_whole(
    available: dict[str, tuple[Value, ...]], values: list[Value], step: Step, scope: Scope
) -> None:
    """All derivatives of a rule whose backward is called, in one step with several results."""
    function = f"{step.function}.backward"
    op = operation(function)
    back = _backward_step(function, op.parameters, op.attributes, available, step)
    like = next(v for v in step.made())
    if not any(map(scope.is_active, values)):
        return
    shapes = part_shapes(back, tuple(values), like, scope.instance)
    outputs: list[Value | None] = []
    for value, shape in zip(values, shapes, strict=True):
        if not scope.is_active(value):
            outputs.append(None)
        elif shape == value.shape:
            outputs.append(Value(scope.part_name(value, like.name), shape))
        else:
            whole = value.name.removeprefix("%").replace(".", "_")
            outputs.append(Value(scope.fresh(f"d{whole}_full"), shape))
    scope.body.append(replace(back, outputs=tuple(outputs)))
    for value, out in zip(values, outputs, strict=True):
        if out is not None:
            _contribute(value, out, step, scope)


def _contribute(value: Value, out: Value, step: Step, scope: Scope) -> None:
    """Keep `out` as a part of the derivative by `value`, what broadcasting repeated summed."""
    through = next(made.name for made in step.made())
    steps = tuple(
        summed(
            out,
            value,
            step,
            lambda: scope.part_name(value, through),
            lambda: scope.fresh("%part"),
        )
    )
    scope.body.extend(steps)
    scope.parts.setdefault(value.name, []).append(steps[-1].output if steps else out)
