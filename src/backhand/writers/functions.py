"""Functions of rules as a program holds them: which it calls, and their text."""

import ast
import copy
from collections.abc import Iterable

from backhand.graph import Step
from backhand.rules.operations import operation
from backhand.rules.register import Function
from backhand.writers.expressions import double_quoted, names_in


def called(steps: Iterable[Step]) -> list[Function]:
    """The functions that the lines of these steps call, helpers before those that call them."""
    found: dict[str, Function] = {}

    def add(function: Function) -> None:
        for helper in function.helpers:
            add(helper)
        found.setdefault(function.name, function)

    for step in steps:
        op = operation(step.function)
        if op.expressions:
            for helper in _helpers_of_expression(step):
                add(helper)
        else:
            add(op.function)
    return list(found.values())


def _helpers_of_expression(step: Step) -> list[Function]:
    """Functions called within an inlined expression, e.g. softmax in a loss's derivative."""
    op = operation(step.function)
    called = {name for expression in op.expressions for name in names_in(expression)}
    return [helper for helper in op.function.helpers if helper.name in called]


def source(function: Function) -> str:
    """A function as it stands in its module, less the annotations of its signature."""
    lines = function.source.splitlines()
    first = function.tree.body[0].lineno - 1
    while lines[first - 1].strip().startswith("#"):
        first -= 1
    arguments = copy.deepcopy(function.tree.args)
    star = [arguments.vararg] if arguments.vararg else []
    for argument in (*arguments.args, *star, *arguments.kwonlyargs):
        argument.annotation = None
    signature = double_quoted(ast.unparse(arguments))
    return "\n".join([f"def {function.name}({signature}):", *lines[first:]])
