"""Ways in which the catalogue changes a listing: what its entries have in common."""

import ast
from collections.abc import Callable, Iterator

from backhand.diagnose.listing import Listing, renamed, swapped, text_of
from backhand.diagnose.mistake import Change, Mistake, Part
from backhand.graph import Step

Changes = Callable[[Listing], Iterator[Change]]
BACKWARD = "network_backward"


def known(
    name: str,
    part: Part,
    *,
    what: str,
    why: str,
    fix: str,
    known_from: str = "",
    is_local: bool = False,
) -> Callable[[Changes], Mistake]:
    """A decorator that makes an entry of the catalogue from the function that makes its changes."""

    def entry(changes: Changes) -> Mistake:
        return Mistake(name, part, what, why, fix, known_from, changes, is_local)

    return entry


def line(statement: ast.stmt) -> str:
    """A statement as one line."""
    return text_of(statement).splitlines()[0]


def value_of(statement: ast.stmt) -> ast.expr | None:
    """What a statement assigns or returns."""
    if isinstance(statement, ast.Assign | ast.AugAssign | ast.Return):
        return statement.value
    return None


def target_of(statement: ast.stmt) -> str:
    """The single name that a statement assigns; empty if it does not."""
    match statement:
        case ast.Assign(targets=[ast.Name(id=name)]) | ast.AugAssign(target=ast.Name(id=name)):
            return name
    return ""


def assignments(listing: Listing, function: str) -> Iterator[tuple[str, ast.stmt, ast.expr]]:
    """The statements that assign one name: the name, the statement, the expression."""
    for statement in listing.statements(function):
        value = value_of(statement)
        name = target_of(statement)
        if value is not None and name and isinstance(statement, ast.Assign):
            yield name, statement, value


def assignment(listing: Listing, function: str, name: str) -> ast.stmt | None:
    """The statement that assigns a name."""
    found = (s for n, s, _ in assignments(listing, function) if n == name)
    return next(found, None)


def put(listing: Listing, function: str, statement: ast.stmt, new: str) -> Change:
    """One statement for another."""
    return Change(line(statement), listing.changed(function, statement, new))


def put_value(listing: Listing, function: str, statement: ast.stmt, value: str) -> Change:
    """Another value for the same name, or returned."""
    head = "return" if isinstance(statement, ast.Return) else f"{target_of(statement)} ="
    return put(listing, function, statement, f"{head} {value}")


def wrapped(listing: Listing, function: str, statement: ast.stmt, form: str) -> Change:
    """The value of a statement put into `form`, where it is called `{}`."""
    value = value_of(statement)
    assert value is not None
    return put_value(listing, function, statement, form.format(f"({text_of(value)})"))


def node_put(
    listing: Listing, function: str, statement: ast.stmt, old: ast.AST, new: str
) -> Change:
    """One part of a statement for another."""
    tree = ast.parse(new, mode="eval").body
    return put(listing, function, statement, swapped(statement, old, tree))


def names_put(listing: Listing, function: str, statement: ast.stmt, old: str, new: str) -> Change:
    """A name of a statement replaced by an expression."""
    return put(listing, function, statement, renamed(statement, {old: new}))


def made_by(listing: Listing, *functions: str) -> Iterator[tuple[Step, ast.stmt]]:
    """The forward steps of these operators, with their statements where they have their own."""
    for step in listing.forward:
        if step.function in functions:
            statement = assignment(listing, "network", step.output.name)
            if statement is not None:
                yield step, statement


def undone(listing: Listing, *functions: str) -> Iterator[tuple[Step, Step, ast.stmt]]:
    """The backward steps that undo these operators: backward step, forward step, statement."""
    backward = listing.experiment.network.backward
    for step in backward.body if backward else ():
        forward = listing.made.get(step.undoes)
        if forward is None or (functions and forward.function not in functions):
            continue
        if "+" in step.function:
            continue
        for value in step.made():
            statement = assignment(listing, BACKWARD, value.name)
            if statement is not None:
                yield step, forward, statement


def needs(listing: Listing, statement: ast.stmt, *names: str) -> Listing:
    """The listing in which the backward pass can read these forward values, and gives them too.

    What the forward pass did not save is computed again where it is needed, by its own line.
    """
    function = BACKWARD
    bound = _bound(listing, function, statement)
    for name in names:
        if name in bound:
            continue
        lines = _lines_for(listing, name, bound)
        listing = listing.inserted(function, _unpacking(listing), "\n".join(lines))
        bound |= {name}
    return listing


def _unpacking(listing: Listing) -> int:
    """How many lines the backward pass has at its beginning that only take apart."""
    body = listing.functions[BACKWARD].body
    taken = (
        isinstance(statement, ast.Assign) and isinstance(statement.targets[0], ast.Tuple)
        for statement in body
    )
    return next((i for i, is_taken in enumerate(taken) if not is_taken), len(body))


def _bound(listing: Listing, function: str, before: ast.stmt) -> set[str]:
    tree = listing.functions[function]
    bound = {a.arg for a in tree.args.args} | {"np"}
    for statement in listing.statements(function):
        if statement is before:
            break
        for node in ast.walk(statement):
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
                bound.add(node.id)
    return bound


def _lines_for(listing: Listing, name: str, bound: set[str]) -> list[str]:
    """The lines of the forward pass that make a value of what is bound."""
    statement = assignment(listing, "network", name)
    if name in listing.parameters:
        return [f"{name} = weights[{listing.parameters.index(name)}]"]
    if statement is None:
        return []
    value = value_of(statement)
    assert value is not None
    called = {id(n.func) for n in ast.walk(value) if isinstance(n, ast.Call)}
    read = [n.id for n in ast.walk(value) if isinstance(n, ast.Name) and id(n) not in called]
    missing = [n for n in read if n not in bound]
    return [
        *(text for n in missing for text in _lines_for(listing, n, bound)),
        text_of(statement),
    ]


def backward_with(listing: Listing, statement: ast.stmt, value: str, *reading: str) -> Change:
    """Another value for a derivative, where the expression reads these forward values."""
    where = line(statement)
    name = target_of(statement)
    listing = needs(listing, statement, *reading)
    again = assignment(listing, BACKWARD, name)
    assert again is not None
    return Change(where, put_value(listing, BACKWARD, again, value).listing)


def parameter_of(listing: Listing, name: str) -> str:
    """The weight whose derivative a name is, or a part of it (`dw2_scores`); empty if none's."""
    found = [p for p in listing.parameters if name == f"d{p}" or name.startswith(f"d{p}_")]
    return max(found, key=len, default="")


def outer_products(listing: Listing) -> Iterator[tuple[ast.stmt, str, ast.expr]]:
    """The statements `dw = x.T @ dz` of the backward pass, with the name of x, and dz."""
    for name, statement, value in assignments(listing, BACKWARD):
        match value:
            case ast.BinOp(
                left=ast.Attribute(value=ast.Name(id=read), attr="T"), op=ast.MatMult(), right=right
            ) if parameter_of(listing, name):
                yield statement, read, right


def output_derivatives(listing: Listing) -> Iterator[ast.stmt]:
    """The statements of the backward pass where the loss's derivative begins: those that read a
    target, or the derivative by the outputs where the loss is written in several steps."""
    network = listing.experiment.network
    targets = {value.name for value in network.targets}
    outputs = {f"d{value.name}" for value in network.forward.outputs}
    found = [
        (name, statement)
        for name, statement, value in assignments(listing, BACKWARD)
        if name in outputs or targets & {n.id for n in ast.walk(value) if isinstance(n, ast.Name)}
    ]
    by_output = [statement for name, statement in found if name in outputs]
    yield from by_output or [statement for _, statement in found]
