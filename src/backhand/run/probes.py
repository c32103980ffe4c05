"""Probes: calls put into a written program's syntax tree that report each value as it is made.

The text that runs is the text that was written; only the tree in memory has the calls, and the
line numbers of errors stay those of the file.
"""

import ast
from collections.abc import Callable
from types import CodeType

PROBED = ("network", "network_loss", "network_backward")
NOT_VALUES = ("_", "saved")


def probed(text: str, file: str) -> CodeType:
    """The program's code with probes, which call `__recorder__` in its namespace.

    `value(name, value)` after an assignment in the forward pass, the loss or the backward pass;
    `dropout(name, x, rate, training)` before PyTorch draws the mask for `name`; `epoch_done()`
    at the end of each epoch of `train`.
    """
    tree = ast.parse(text, file)
    for node in tree.body:
        if isinstance(node, ast.FunctionDef) and node.name in PROBED:
            node.body = [new for statement in node.body for new in _with_probes(statement)]
        elif isinstance(node, ast.FunctionDef) and node.name == "train":
            for statement in node.body:
                if isinstance(statement, ast.For):
                    statement.body.append(_call("epoch_done", [], statement.body[-1]))
    return compile(ast.fix_missing_locations(tree), file, "exec")


def _with_probes(statement: ast.stmt) -> list[ast.stmt]:
    if not isinstance(statement, ast.Assign):
        return [statement]
    target = statement.targets[0]
    targets = target.elts if isinstance(target, ast.Tuple) else [target]
    names = [t.id for t in targets if isinstance(t, ast.Name) and t.id not in NOT_VALUES]
    reports: list[ast.stmt] = [
        _call("value", [ast.Constant(n), ast.Name(n, ast.Load())], statement) for n in names
    ]
    call = statement.value
    if isinstance(call, ast.Call) and ast.unparse(call.func) == "F.dropout":
        before = _call("dropout", [ast.Constant(names[0]), *call.args], statement)
        statement.value = ast.copy_location(_reported("own", [call]), call)
        return [before, statement, *reports]
    return [statement, *reports]


def _call(method: str, arguments: list[ast.expr], beside: ast.stmt) -> ast.stmt:
    return ast.copy_location(ast.Expr(_reported(method, arguments)), beside)


def _reported(method: str, arguments: list[ast.expr]) -> ast.expr:
    recorder = ast.Attribute(ast.Name("__recorder__", ast.Load()), method, ast.Load())
    return ast.Call(recorder, arguments, [])


Progress = Callable[[int], None]
"""Told after each epoch how many are done."""
