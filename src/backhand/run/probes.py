"""Probes: calls put into a written program's syntax tree that report each value as it is made.

The text that runs is the text that was written; only the tree in memory has the calls, and the
line numbers of errors stay those of the file.
"""

import ast
from collections import Counter
from collections.abc import Callable, Mapping
from types import CodeType

PROBED = ("network", "network_loss", "network_backward")
NOT_VALUES = ("_", "saved")
RECORDER, ERROR = "__recorder__", "__error__"

Progress = Callable[[int], None]
"""Told after each epoch how many are done."""

Uses = Mapping[tuple[str, str], str]
"""By the name that a line makes and a name that it reads: what the derivative by the second
through this line alone is called."""


def probed(text: str, file: str, *, guarded: bool = False, uses: Uses | None = None) -> CodeType:
    """The program's code with probes, which call `__recorder__` in its namespace.

    `name = value(name, value)` after an assignment in the forward pass, the loss or the backward
    pass, so that a recorder may put another value in its place; `dropout(name, x, rate, training)`
    before PyTorch draws the mask for `name`; `optimizer(optimizer)` where `train` makes one;
    `epoch_done()` at the end of each epoch of `train`.

    Args:
        text: the program's.
        file: its name in errors.
        guarded: an assignment that raises one of the recorder's `refusals` is not the end:
            `name = refused(name, error)` takes its place.
        uses: derivatives through one use of a value that are wanted; the line that uses it then
            reads `use(part, name)`.
    """
    tree = ast.parse(text, file)
    for node in tree.body:
        if isinstance(node, ast.FunctionDef) and node.name in PROBED:
            body = with_loss(node.body) if node.name == "network_loss" else node.body
            statements = [_with_uses(statement, uses or {}) for statement in body]
            node.body = [new for s in statements for new in _with_probes(s, guarded)]
        elif isinstance(node, ast.FunctionDef) and node.name == "train":
            node.body = [new for statement in node.body for new in _in_training(statement)]
    return compile(ast.fix_missing_locations(tree), file, "exec")


def with_loss(body: list[ast.stmt]) -> list[ast.stmt]:
    """`return -np.sum(...)` as `loss = -np.sum(...)` and `return loss`."""
    last = body[-1]
    if not isinstance(last, ast.Return) or isinstance(last.value, ast.Tuple) or not last.value:
        return body
    named = ast.Assign([ast.Name("loss", ast.Store())], last.value)
    result = ast.Return(ast.Name("loss", ast.Load()))
    return [*body[:-1], ast.copy_location(named, last), ast.copy_location(result, last)]


def assigned(statement: ast.stmt) -> list[str]:
    """The names of values that a statement of a probed function makes."""
    if not isinstance(statement, ast.Assign):
        return []
    target = statement.targets[0]
    targets = target.elts if isinstance(target, ast.Tuple) else [target]
    names = [t.id for t in targets if isinstance(t, ast.Name)]
    # `w1, w2 = weights` makes nothing
    is_unpacking = isinstance(target, ast.Tuple) and isinstance(statement.value, ast.Name)
    return [n for n in names if n not in NOT_VALUES and not is_unpacking]


def _with_probes(statement: ast.stmt, guarded: bool) -> list[ast.stmt]:
    names = assigned(statement)
    if not names:
        return [statement]
    assert isinstance(statement, ast.Assign)
    reports = [_assigned_call("value", n, ast.Name(n, ast.Load()), statement) for n in names]
    call = statement.value
    if isinstance(call, ast.Call) and ast.unparse(call.func) == "F.dropout":
        before = _call("dropout", [ast.Constant(names[0]), *call.args], statement)
        statement.value = ast.copy_location(_reported("own", [call]), call)
        return [before, statement, *reports]
    if guarded:
        refused = [_assigned_call("refused", n, ast.Name(ERROR, ast.Load()), statement)
                   for n in names]  # fmt: skip
        refusals = ast.Attribute(ast.Name(RECORDER, ast.Load()), "refusals", ast.Load())
        handler = ast.ExceptHandler(refusals, ERROR, refused)
        return [ast.copy_location(ast.Try([statement, *reports], [handler], [], []), statement)]
    return [statement, *reports]


def _with_uses(statement: ast.stmt, uses: Uses) -> ast.stmt:
    """The statement with each name that has a derivative of its own for this use marked."""
    made = assigned(statement)
    if not made or not isinstance(statement, ast.Assign):
        return statement
    called = {read: part for (name, read), part in uses.items() if name == made[0]}
    reads = Counter(n.id for n in ast.walk(statement.value) if isinstance(n, ast.Name))
    once = {read: part for read, part in called.items() if reads[read] == 1}
    statement.value = _Uses(once).visit(statement.value)
    return statement


class _Uses(ast.NodeTransformer):
    def __init__(self, parts: Mapping[str, str]) -> None:
        self.parts = parts

    def visit_Name(self, node: ast.Name) -> ast.expr:
        if node.id not in self.parts:
            return node
        return ast.copy_location(_reported("use", [ast.Constant(self.parts[node.id]), node]), node)


def _in_training(statement: ast.stmt) -> list[ast.stmt]:
    if isinstance(statement, ast.For):
        statement.body.append(_call("epoch_done", [], statement.body[-1]))
    if assigned(statement) == ["optimizer"]:
        seen = _call("optimizer", [ast.Name("optimizer", ast.Load())], statement)
        return [statement, seen]
    return [statement]


def _assigned_call(method: str, name: str, argument: ast.expr, beside: ast.stmt) -> ast.stmt:
    value = _reported(method, [ast.Constant(name), argument])
    return ast.copy_location(ast.Assign([ast.Name(name, ast.Store())], value), beside)


def _call(method: str, arguments: list[ast.expr], beside: ast.stmt) -> ast.stmt:
    return ast.copy_location(ast.Expr(_reported(method, arguments)), beside)


def _reported(method: str, arguments: list[ast.expr]) -> ast.expr:
    recorder = ast.Attribute(ast.Name(RECORDER, ast.Load()), method, ast.Load())
    return ast.Call(recorder, arguments, [])
