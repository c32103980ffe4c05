"""Steps as lines of code: what both hands share.

A hand says how one step's expression is spelled (`Spelling`); here nameless values are written
into the line that uses them, and the rest become `name = expression   # [B, 4]`.
"""

import ast
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from backhand.graph import Attribute, Step, Value, shape_text
from backhand.rules.operations import operation
from backhand.rules.register import rule
from backhand.writers import expressions as ex
from backhand.writers.layout import Line

Spelling = Callable[[Step, Mapping[str, ast.expr], Mapping[str, int]], ast.expr | None]
"""A step's expression, from the expressions of its inputs by parameter name and the ranks of
the names in them; None where this hand writes nothing for the step."""


@dataclass(frozen=True)
class Written:
    """A step with the line that a hand wrote for it; `line` is None for a nameless step."""

    step: Step
    line: Line | None


def written(steps: Iterable[Step], spelling: Spelling) -> list[Written]:
    """The steps in order, each with its line."""
    nameless: dict[str, ast.expr] = {}
    ranks: dict[str, int] = {}
    found = []
    for step in steps:
        for value in (*step.inputs, *step.made()):
            ranks[value.name] = len(value.shape)
        arguments = arguments_of(step, nameless)
        expression = spelling(step, arguments, ranks)
        made = step.made()
        if expression is None:
            found.append(Written(step, None))
        elif len(step.outputs) == 1 and made[0].is_nameless:
            nameless[made[0].name] = expression
            found.append(Written(step, None))
        else:
            found.append(Written(step, _line(step, expression)))
    return found


def lines_of(steps: Iterable[Written]) -> dict[str, str]:
    """By value name, the line that makes it; for a nameless one the line it is written into."""
    lines: dict[str, str] = {}
    for w in reversed(list(steps)):
        for value in w.step.made():
            if w.line:
                lines[value.name] = w.line.code
        line = next((lines[v.name] for v in w.step.made() if v.name in lines), None)
        if line:
            lines |= {v.name: line for v in w.step.inputs if v.is_nameless}
    return lines


def arguments_of(step: Step, nameless: Mapping[str, ast.expr]) -> dict[str, ast.expr]:
    """Expressions for the parameters and attributes of a step's function."""
    op = operation(step.function)
    given = [expression_of(value, nameless) for value in step.inputs]
    arguments: dict[str, ast.expr] = {}
    if op.rest:
        at = op.parameters.index(op.rest)
        many = len(given) - len(op.parameters) + 1
        arguments[op.rest] = ast.Tuple(given[at : at + many], ast.Load())
        given[at : at + many] = [arguments[op.rest]]
    arguments |= dict(zip(op.parameters, given, strict=True))
    arguments |= {name: ex.literal(_spelled(step, name, value)) for name, value in step.attributes}
    return arguments


def _spelled(step: Step, name: str, value: Attribute) -> Attribute:
    """One number for a tuple of it, where the function takes one for all axes."""
    default = operation(step.function).function.defaults.get(name)
    is_one = isinstance(value, tuple) and len(set(value)) == 1 and isinstance(default, int)
    return value[0] if is_one and isinstance(value, tuple) else value


def expression_of(value: Value, nameless: Mapping[str, ast.expr]) -> ast.expr:
    if value.name in nameless:
        return nameless[value.name]
    return ex.name(value.name) if value.literal is None else ex.literal(value.literal)


def _line(step: Step, expression: ast.expr) -> Line:
    names = ", ".join("_" if value is None else value.name for value in step.outputs)
    shapes = ", ".join(shape_text(v.shape) for v in step.made() if v.shape)
    reason = step.because if step.function == "add" else ""
    return Line(f"{names} = {ex.text(expression)}", shapes, reason)


def numpy_spelling(
    step: Step, arguments: Mapping[str, ast.expr], ranks: Mapping[str, int]
) -> ast.expr | None:
    """A body of one expression with its names replaced, or a call of a longer one."""
    op = operation(step.function)
    if len(op.expressions) == 1:
        expression = ex.fold(ex.substitute(op.expressions[0], arguments), ranks)
        return _without_defaults(expression, {h.name: h.defaults for h in op.function.helpers})
    keywords = [
        ast.keyword(name, ex.literal(_spelled(step, name, value)))
        for name, value in step.attributes
        if name not in op.function.defaults or not _same(value, op.function.defaults[name])
    ]
    positional = [
        part
        for parameter in op.parameters
        for part in _several(arguments[parameter], is_rest=parameter == op.rest)
    ]
    return ast.Call(ex.name(op.function.name), positional, keywords)


def _without_defaults(
    expression: ast.expr, defaults: Mapping[str, Mapping[str, Attribute]]
) -> ast.expr:
    """The expression whose calls of a rule's helpers say only what is not their default."""
    for node in ast.walk(expression):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            own = defaults.get(node.func.id, {})
            node.keywords = [k for k in node.keywords if not _is_default(k, own)]
    return expression


def _is_default(keyword: ast.keyword, defaults: Mapping[str, Attribute]) -> bool:
    if keyword.arg is None or keyword.arg not in defaults:
        return False
    given = ex.constant(keyword.value)
    return given is not None and _same(given[0], defaults[keyword.arg])  # type: ignore[arg-type]


def _same(given: Attribute, default: Attribute) -> bool:
    """Equal, where a number stands for as many of it as there are axes."""
    if isinstance(given, tuple) and given and not isinstance(default, tuple):
        return all(part == default for part in given)
    return given == default


def _several(given: ast.expr, *, is_rest: bool) -> list[ast.expr]:
    return given.elts if is_rest and isinstance(given, ast.Tuple) else [given]


def torch_spelling(
    step: Step, arguments: Mapping[str, ast.expr], ranks: Mapping[str, int]
) -> ast.expr | None:
    """The rule's own spelling in PyTorch."""
    spelled = rule(step.function).torch
    if not spelled:
        return None
    return ex.fold(ex.substitute(ex.parse(spelled), arguments), ranks)
