"""PyTorch's operators as steps of our rules, each found by the patterns that the rules give.

A step that matches a pattern becomes a step of the rule; `dropout` becomes two, the draw and the
product. What matches none is collected, so that the refusal can name all of it.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from backhand.capture.aliases import first_name
from backhand.capture.composites import composed
from backhand.capture.composites.builder import Given
from backhand.capture.composites.scalars import widened
from backhand.capture.fitting import Matched, Shapes, is_shaped
from backhand.capture.formula import GENERATOR
from backhand.capture.reading import ARRAY, OPAQUE, Argument
from backhand.graph import Attribute, NamedSize, Network, Size, Step, Value
from backhand.passes.rewriting import rebuilt, renamed
from backhand.rules.patterns import ANYTHING, Part, Pattern, Slot
from backhand.rules.register import AMBIENT, DRAWN, TOLD, Rule, all_rules, rule

Schemas = Mapping[str, tuple[Argument, ...]]

RESHAPES = {
    "aten.view.default": "size",
    "aten._unsafe_view.default": "size",
    "aten.reshape.default": "shape",
}
"""Operators that are told their result's shape, and by which argument."""

SIZE = "%size "
"""Begins the name of an array that is a size, until there is a step that makes it."""


def with_rules(
    network: Network, schemas: Schemas, shapes: Shapes, orders: Mapping[str, tuple[int, ...]]
) -> tuple[Network, tuple[Step, ...]]:
    """The network in steps of our rules, and the steps for which there is no rule.

    Args:
        network: steps under the names of PyTorch's operators.
        schemas: the arguments of each operator.
        shapes: how large each value was when the network was captured.
        orders: the axes of values that lie in memory in another order than theirs.
    """
    known = _Known(_by_operator(), schemas, shapes, orders)
    body: list[Step] = []
    missing: list[Step] = []
    for step in network.forward.body:
        parts = _in_rules(step, known)
        if parts is None:
            missing.append(step)
        else:
            body.extend(parts)
    if missing:
        return network, tuple(missing)
    if any(GENERATOR in step.inputs for step in body):
        inputs = (*network.forward.inputs, GENERATOR)
        network = replace(network, forward=replace(network.forward, inputs=inputs))
    return rebuilt(network, body, {}), ()


@dataclass(frozen=True)
class _Known:
    """The rules' patterns by operator, and what PyTorch's graph tells of operators and values."""

    patterns: Mapping[str, Sequence[tuple[Rule, Pattern]]]
    schemas: Schemas
    shapes: Shapes
    orders: Mapping[str, tuple[int, ...]]


def _in_rules(step: Step, known: _Known) -> tuple[Step, ...] | None:
    """The steps of rules in the place of one of PyTorch's; None where there are none."""
    given = _with_sizes(step)
    name = first_name(step.function)
    readings = _matches(given, known.patterns.get(name, ()), known.schemas)
    found = next((one for one in readings if is_shaped(step, one, known.shapes)), None)
    if found is None:
        parts = composed(replace(step, function=name), _arguments(step))
        return _along_an_axis(step, known) if parts is None else parts
    if DRAWN in found.rule.forward.parameters:
        name = step.output.name
        return tuple(_drawn(step, found, f"{name}_mask", known.orders.get(name)))
    return tuple(_with_size_steps(_as_step(step, found)))


def _along_an_axis(step: Step, known: _Known) -> tuple[Step, ...] | None:
    """The same of a number, which counts as an array of one; None for anything else."""
    for wide in widened(step):
        if (parts := _in_rules(wide.operator, known)) is not None:
            return (*wide.before, *parts, *wide.after)
    return None


def _by_operator() -> dict[str, list[tuple[Rule, Pattern]]]:
    found: dict[str, list[tuple[Rule, Pattern]]] = {}
    for known in all_rules().values():
        for pattern in known.aten:
            found.setdefault(pattern.operator, []).append((known, pattern))
    return found


def _matches(
    step: Step, patterns: Sequence[tuple[Rule, Pattern]], schemas: Schemas
) -> Iterator[Matched]:
    """Every way to read a step: results that the rule has, and every argument accounted for."""
    for known, pattern in patterns:
        bound = _bound(step, pattern, schemas[step.function])
        if bound is None or not _makes(known, step.outputs):
            continue
        arrays = {name: bound.pop(name) for name in known.forward.parameters if name in bound}
        values = {name: _values(given, step.inputs) for name, given in arrays.items()}
        attributes = {
            **known.forward.defaults,
            **_told(known, step.outputs),
            **{k: _sized(v) for k, v in bound.items()},
        }
        rest = known.forward.rest
        fits = all(many or rest == name for name, many in values.items())
        fits = fits and f"{ARRAY}-" not in str(arrays.get(rest, ""))
        single = all(len(m) == 1 or rest == name for name, m in values.items())
        if fits and single and all(_may_be(g, name, known) for name, g in attributes.items()):
            yield Matched(known, values, attributes)


def _told(known: Rule, outputs: Sequence[Value | None]) -> dict[str, Attribute]:
    """What the result says of itself, of the options that the rule has."""
    made = next(value for value in outputs if value is not None)
    told: dict[str, Attribute] = {
        "shape": tuple(n if isinstance(n, int) else NamedSize(n) for n in made.shape),
        "count": len(outputs),
        "dtype": made.numbers,
    }
    return {name: told[name] for name in TOLD if name in known.forward.attributes}


def _makes(known: Rule, outputs: Sequence[Value | None]) -> bool:
    """Whether a rule has all the results that are used of a step; `*ys` are as many as needed."""
    if not any(outputs):
        return False
    return known.outputs[0].startswith("*") or not any(outputs[len(known.outputs) :])


def _sized(given: Attribute) -> Attribute:
    """`$B` and `$[B, 4]` with the sizes that have names told apart; anything else as it is."""
    if not (isinstance(given, str) and given.startswith(OPAQUE)):
        return given
    parts = given.removeprefix(OPAQUE).removeprefix("[").removesuffix("]").split(", ")
    if not all(re.fullmatch(r"-?\d+|[BT\d*+\-/ ()]+", part) for part in parts):
        return given
    sizes = tuple(int(part) if part.lstrip("-").isdecimal() else NamedSize(part) for part in parts)
    return sizes if given.startswith(f"{OPAQUE}[") else sizes[0]


def _may_be(given: Attribute, name: str, known: Rule) -> bool:
    """Whether a rule's option can take this: a literal, and None only where that is its default."""
    return not _is_opaque(given) and (
        given is not None or known.forward.defaults.get(name, 0) is None
    )


def _bound(step: Step, pattern: Pattern, schema: Sequence[Argument]) -> dict[str, Attribute] | None:
    """What the pattern's names stand for in a step, or None where the step asks for more."""
    given = dict(step.attributes)
    wanted = dict(zip((argument.name for argument in schema), pattern.positional, strict=False))
    wanted |= dict(pattern.by_name)
    if len(pattern.positional) > len(schema) or not wanted.keys() <= given.keys():
        return None
    bound: dict[str, Attribute] = {}
    for argument in schema:
        value = given[argument.name]
        if argument.name in wanted:
            if not _fits(wanted[argument.name], value, bound):
                return None
        elif not argument.has_default or not _equal(argument.default, value):
            return None
    return bound


def _fits(part: Part, value: Attribute, bound: dict[str, Attribute]) -> bool:
    """Whether an argument is what a pattern wants there; names are noted in `bound`."""
    if isinstance(part, Slot):
        if part.name != ANYTHING:
            bound[part.name] = value
        return True
    if isinstance(part, tuple):
        # a schema may spell [1, 1] as 1
        parts = (value,) * len(part) if type(value) is int else _parts(value)
        return (
            parts is not None
            and len(parts) == len(part)
            and all(_fits(p, v, bound) for p, v in zip(part, parts, strict=True))
        )
    return _equal(part, value)


def _parts(value: Attribute) -> tuple[Attribute, ...] | None:
    """The parts of a list, of numbers or of arrays (`@0 @- @1`)."""
    if isinstance(value, tuple):
        return value
    if isinstance(value, str) and value.startswith(ARRAY):
        return tuple(None if part == f"{ARRAY}-" else part for part in value.split())
    return None


def _equal(wanted: object, value: Attribute) -> bool:
    """Equal, where True is not 1, and a list is as good as a tuple."""
    if isinstance(wanted, list):
        wanted = tuple(wanted)
    return wanted == value and isinstance(wanted, bool) == isinstance(value, bool)


def _values(given: Attribute, inputs: Sequence[Value]) -> tuple[Value, ...]:
    """The arrays that an argument stands for; none if one of them is no array."""
    is_arrays = isinstance(given, str) and given.startswith(ARRAY)
    parts = str(given).split() if is_arrays else [_sized(given)]
    found = [_value(part, inputs) for part in parts]
    return tuple(value for value in found if value) if all(found) else ()


def _value(given: Attribute, inputs: Sequence[Value]) -> Value | None:
    """The array that an argument stands for: one of the step's inputs, or a plain number, which
    may be a size that has a name."""
    if isinstance(given, NamedSize):
        return Value(f"{SIZE}{given}", (), numbers="int")
    if isinstance(given, str) and re.fullmatch(rf"{ARRAY}\d+", given):
        return inputs[int(given[1:])]
    if isinstance(given, float | int) and not isinstance(given, bool):
        return Value(repr(given), (), "constant", given)
    return None


def _arguments(step: Step) -> dict[str, Given]:
    """A step's arguments by name: arrays, tuples of arrays, sizes and literals."""
    return {name: _argument(given, step.inputs) for name, given in step.attributes}


def _argument(given: Attribute, inputs: Sequence[Value]) -> Given:
    if not (isinstance(given, str) and given.startswith(ARRAY)):
        return _sized(given)
    if " " not in given:
        return _value(given, inputs)
    return tuple(value for part in given.split() if (value := _value(part, inputs)))


def _is_opaque(given: Attribute) -> bool:
    return isinstance(given, str) and given.startswith((ARRAY, OPAQUE))


def _with_sizes(step: Step) -> Step:
    """A reshape whose only size with a name is said as -1; any other step as it is."""
    argument = RESHAPES.get(step.function, "")
    shape = sizes(step.output.shape) if argument else None
    if shape is None or not _is_opaque(dict(step.attributes)[argument]):
        return step
    attributes = tuple((k, shape if k == argument else v) for k, v in step.attributes)
    return replace(step, attributes=attributes)


def sizes(shape: Sequence[Size]) -> tuple[int, ...] | None:
    """A shape with -1 for its only size with a name; None where more of them have one."""
    if sum(isinstance(size, str) for size in shape) > 1:
        return None
    return tuple(-1 if isinstance(size, str) else size for size in shape)


def _as_step(step: Step, found: Matched) -> Step:
    forward = found.rule.forward
    return replace(
        step,
        function=found.rule.name,
        inputs=tuple(v for p in forward.parameters if p not in AMBIENT for v in found.arrays[p]),
        outputs=_outputs(step.outputs, found.rule),
        attributes=tuple((name, found.attributes[name]) for name in forward.attributes),
    )


def _with_size_steps(step: Step) -> Iterator[Step]:
    """The step, and before it one for each size with a name that it takes for an array."""
    inputs: list[Value] = []
    for value in step.inputs:
        if value.name.startswith(SIZE):
            of = NamedSize(value.name.removeprefix(SIZE))
            value = replace(value, name=f"{step.made()[0].name}_size_{len(inputs)}")
            yield Step("size", (), (value,), (("of", of),), step.place, modules=step.modules)
        inputs.append(value)
    yield replace(step, inputs=tuple(inputs))


def _outputs(made: tuple[Value | None, ...], known: Rule) -> tuple[Value | None, ...]:
    """As many results as the rule has."""
    if known.outputs[0].startswith("*"):
        return made
    return (*made, *[None] * len(known.outputs))[: len(known.outputs)]


def _drawn(step: Step, found: Matched, name: str, order: tuple[int, ...] | None) -> Iterator[Step]:
    """A mask is drawn, then multiplied with: two steps, in the place of PyTorch's one.

    What lies in memory in another order than that of its axes is drawn so, and turned back.
    """
    forward = found.rule.forward
    drawing = rule(f"{found.rule.name}_mask")
    (x,) = found.arrays[forward.parameters[0]]
    shaped, drawn, mask = x, Value(name, x.shape), Value(name, x.shape)
    rate = tuple((name, found.attributes[name]) for name in drawing.forward.attributes)
    if order:
        shape = tuple(x.shape[axis] for axis in order)
        shaped, drawn = Value(f"{name}_shaped", shape), Value(f"{name}_drawn", shape)
        yield _permuted(step, x, shaped, order)
    yield replace(
        step, function=drawing.name, inputs=(shaped, GENERATOR), outputs=(drawn,), attributes=rate
    )
    if order:
        back = tuple(order.index(axis) for axis in range(len(order)))
        yield _permuted(step, drawn, mask, back)
    arrays = {**found.arrays, DRAWN: (mask,)}
    yield _as_step(step, replace(found, arrays=arrays))


def _permuted(step: Step, x: Value, y: Value, axes: tuple[int, ...]) -> Step:
    return replace(
        step, function="permute", inputs=(x,), outputs=(y,), attributes=(("axes", axes),)
    )


def numbered(network: Network) -> Network:
    """The nameless values of a network's forward, numbered `%1`, `%2` in order."""
    made = [v for step in network.forward.body for v in step.made() if v.is_nameless]
    return renamed(network, {value.name: f"%{number}" for number, value in enumerate(made, 1)})
