"""A rule's helpers written out where they are called: their names for parts, then their results.

`g * standardised(x, -1, eps) + b` becomes `mu = ...`, `sigma = ...`, `g * ((x - mu) / sigma) + b`.
Helpers that people know by name are left alone: other rules (`softmax`), and what comes from
another module (`erf`).
"""

import ast
from collections.abc import Iterable, Mapping
from copy import deepcopy

from backhand.rules.operations import Operation
from backhand.rules.register import Function, all_rules
from backhand.writers import expressions as ex
from backhand.writers.formulas.latex import NoFormulaError


def helpers(op: Operation) -> dict[str, Function]:
    """By name, the helpers to be written out, and those that these call."""
    known = {rule.forward.name for rule in all_rules().values()}
    found: dict[str, Function] = {}
    pending = [op.function]
    while pending:
        for helper in pending.pop().helpers:
            is_near = helper.call.__module__ == op.function.call.__module__
            if is_near and helper.name not in known and helper.name not in found:
                found[helper.name] = helper
                pending.append(helper)
    return found


def body(op: Operation) -> list[ast.stmt]:
    """The operation's statements as they stand."""
    return [ast.Return(op.expressions[0])] if len(op.expressions) == 1 else op.function.tree.body


def opened(op: Operation, ranks: Mapping[str, int]) -> list[ast.stmt]:
    """The operation's statements, with those of its helpers before them.

    Args:
        ranks: the numbers of dimensions of its parameters, as far as they are known.

    Raises:
        NoFormulaError: where a helper does more than give names to parts of its result.
    """
    names = {n.id for s in body(op) for n in ast.walk(s) if isinstance(n, ast.Name)}
    opening = _Opening(helpers(op), ranks, {*names, *op.function.parameters})
    return [part for statement in body(op) for part in opening.statement(statement)]


class _Opening(ast.NodeTransformer):
    """Replaces calls of helpers by their results; notes the statements that these need before."""

    def __init__(
        self, known: Mapping[str, Function], ranks: Mapping[str, int], taken: Iterable[str]
    ) -> None:
        self.known, self.ranks, self.taken = known, ranks, set(taken)
        self.before: list[ast.stmt] = []

    def statement(self, node: ast.stmt) -> list[ast.stmt]:
        self.before = []
        changed = self.visit(deepcopy(node))
        return [*self.before, changed]

    def visit_Call(self, node: ast.Call) -> ast.expr:
        self.generic_visit(node)
        if not (isinstance(node.func, ast.Name) and node.func.id in self.known):
            return node
        helper = self.known[node.func.id]
        if node.keywords or len(node.args) != len(helper.parameters):
            raise NoFormulaError(ast.unparse(node))
        arguments = [ex.fold(argument, self.ranks) for argument in node.args]
        names = {
            parameter: argument if _is_short(argument) else self.noted(parameter, argument)
            for parameter, argument in zip(helper.parameters, arguments, strict=True)
        }
        return self.result(helper, names)

    def result(self, helper: Function, names: dict[str, ast.expr]) -> ast.expr:
        """What a helper returns; what it gives names to is noted."""
        for statement in helper.tree.body:
            match statement:
                case ast.Expr(value=ast.Constant()):
                    continue
                case ast.Assign(targets=[ast.Name(id=name)], value=value):
                    names[name] = self.noted(name, self.visit(ex.substitute(value, names)))
                case ast.Return(value=ast.expr() as value):
                    return self.visit(ex.substitute(value, names))  # type: ignore[no-any-return]
                case other:
                    raise NoFormulaError(ast.unparse(other))
        raise NoFormulaError(f"{helper.name} without a result")

    def noted(self, name: str, value: ast.expr) -> ast.expr:
        """A name for a value: the helper's own, unless it is taken."""
        while name in self.taken:
            name += "_"
        self.taken.add(name)
        self.before.append(ast.Assign([ast.Name(name, ast.Store())], value))
        return ex.name(name)


def _is_short(node: ast.expr) -> bool:
    return isinstance(node, ast.Name) or ex.constant(node) is not None
