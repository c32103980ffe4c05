"""Their program with a probe behind each assignment, and what the probes saw."""

import ast
import contextlib
import copy
import re
from collections.abc import Callable
from types import ModuleType
from typing import Any

import numpy as np

from backhand.diagnose.theirs.names import plain, role, weight_key
from backhand.diagnose.theirs.neurons import arrays_of, is_network, lists_of

KEPT_BESIDE = frozenset(
    (
        "m",
        "v",
        "s",
        "velocity",
        "velocities",
        "momentum",
        "moments",
        "state",
        "states",
        "vdw",
        "sdw",
        "first",
        "second",
        "squares",
        "h",
        "r",
        "adamm",
        "adamv",
        "mt",
        "vt",
        "cache",
        "memory",
    )
)
OPTIMIZER = re.compile("adam|sgd|optim|momentum|rmsprop|adagrad")
"""In the name of a class whose numbers are no weights."""
PROBE = "__seen__"
OWNED = "@"
MOST_EVENTS = 60_000
MOST_OBJECTS = 20
RUN_AS = ("__main__", "theirs_imported")
"""What a program is called while it runs: its classes are of these modules."""
LARGEST = 200_000

Event = tuple[str, np.ndarray, int, int]
"""A name, its value, how many draws came before, and the id of the array itself."""


class Probes(ast.NodeTransformer):
    """Puts a call behind each assignment: it is told the name, and the value."""

    def generic_visit(self, node: ast.AST) -> ast.AST:
        super().generic_visit(node)
        for block in ("body", "orelse", "finalbody"):
            statements = getattr(node, block, None)
            if isinstance(statements, list):
                setattr(node, block, [new for s in statements for new in _with_probe(s)])
        return node


def _with_probe(statement: ast.stmt) -> list[ast.stmt]:
    match statement:
        case ast.Assign(targets=targets):
            told = [t for target in targets for t in _leaves(target)]
        case ast.AugAssign(target=target) | ast.AnnAssign(target=target, value=ast.expr()):
            told = _leaves(target)
        case ast.Expr(value=ast.Call(func=ast.Name(id="setattr"), args=[owner, name, _])):
            held = f"getattr({ast.unparse(owner)}, {ast.unparse(name)})"
            return [statement, _told(ast.unparse(name), held, "None", ast.unparse(owner))]
        case _:
            return [statement]
    told = [target for target in told if not _is_nameless(target)]
    return [statement, *map(_call, told), *_tensors(told)]


def _tensors(told: list[ast.expr]) -> list[ast.stmt]:
    """Calls that tell the tensors of torch whose `data` was changed."""
    named = [t.value for t in told if isinstance(t, ast.Attribute) and t.attr == "data"]
    return [
        _told(repr(_name(one)), f"{text} if hasattr({text}, 'detach') else None", "None", "None")
        for one in named
        for text in [ast.unparse(one)]
    ]


def _is_nameless(target: ast.expr) -> bool:
    """Whether this is `_`, which says that nothing is done with the value."""
    return isinstance(target, ast.Name) and not target.id.strip("_")


def _leaves(target: ast.expr) -> list[ast.expr]:
    if isinstance(target, ast.Tuple | ast.List):
        return [leaf for part in target.elts for leaf in _leaves(part)]
    if isinstance(target, ast.Starred):
        return _leaves(target.value)
    return [target]


def _call(target: ast.expr) -> ast.stmt:
    """`__seen__("name", value)`; for `d[key]` the key is told too, and the whole for a slice, for
    `object.name` the object."""
    key: ast.expr = ast.Constant(None)
    owner = "None"
    target = _row_of(target)
    value = target
    match target:
        case ast.Subscript(
            value=base, slice=ast.Constant() | ast.Name() | ast.BinOp() | ast.JoinedStr() as index
        ):
            key, name = index, _name(base)
            value = base
            owner = _owner(base)
        case ast.Subscript(value=base):
            name, value = _name(base), base
        case ast.Attribute(value=base):
            name, owner = _name(target), ast.unparse(base)
        case _:
            name = _name(target)
    return _told(repr(name), ast.unparse(value), ast.unparse(key), owner)


def _row_of(target: ast.expr) -> ast.expr:
    """`w[i]` for `w[i][j]`, and `params["w"][i]` for `params["w"][i][j]`: where a list of lists is
    changed number by number, the whole is told."""
    while isinstance(target, ast.Subscript) and isinstance(target.value, ast.Subscript):
        if isinstance(getattr(target.value.slice, "value", None), str):
            break
        target = target.value
    return target


def _owner(base: ast.expr) -> str:
    """The object that holds a dict or list, as in `self.parameters["W"]`."""
    return ast.unparse(base.value) if isinstance(base, ast.Attribute) else "None"


def _told(name: str, value: str, key: str, owner: str) -> ast.stmt:
    return ast.parse(f"{PROBE}({name}, {value}, {key}, {owner})").body[0]


def _name(node: ast.expr) -> str:
    match node:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
        case ast.Subscript(value=base, slice=ast.Constant(value=str(key))):
            return key
        case ast.Subscript(value=base):
            return _name(base)
    return "?"


class Log:
    """The events of a run, in order."""

    def __init__(self, draws_so_far: Callable[[], int]) -> None:
        self.events: list[Event] = []
        self.draws_so_far = draws_so_far
        self.listening = True
        self.kept: list[Any] = []
        """Objects whose identity matters stay alive, so that no id is given out twice."""
        self.changing: dict[int, tuple[str, Any]] = {}
        """Lists of numbers that the last lines changed, by their names."""
        self.neurons: dict[int, tuple[str, list[Any]]] = {}
        """The networks of neurons to which lists of weights belong, with their names."""
        self.owners: dict[int, int] = {}
        """Objects that were given attributes, in the order in which they were first."""
        self.begun: dict[int, Any] = {}
        """Objects of their classes as they were when a name was first given to them."""

    def seen(self, name: str, value: Any, key: Any = None, owner: Any = None) -> None:
        """What a probe calls."""
        if type(value).__module__ in RUN_AS and id(value) not in self.begun:
            self._keep_beginning(value)
        if not self.listening or len(self.events) >= MOST_EVENTS:
            return
        if isinstance(value, int | float) and OPTIMIZER.search(type(owner).__name__.lower()):
            return  # its `b1` is a beta
        if id(value) in self.neurons:
            network = self.neurons[id(value)]
            self.changing[id(network[1])] = network
            return
        if owner is not None:
            name = self._of_owner(name, owner)
        if key is None or not isinstance(value, dict | list):
            self._all_told()
            self._leaf(name, value)
            return
        try:
            inner = value[key]
        except Exception:
            return
        if isinstance(value, list) and _is_row(inner):
            self.changing[id(value)] = name, value
        else:
            self._all_told()
            self._leaf(_entry(name, key), inner)

    def _all_told(self) -> None:
        """Tell of the lists that were changed number by number, now that something else is."""
        for name, value in self.changing.values():
            self._leaf(name, value)
        self.changing.clear()

    def _keep_beginning(self, made: Any) -> None:
        if len(self.begun) < MOST_OBJECTS:
            self.kept.append(made)
            with contextlib.suppress(Exception):
                self.begun[id(made)] = copy.deepcopy(made)
            if self.listening:
                self._tell_attributes(made)

    def _tell_attributes(self, made: Any) -> None:
        """Tell what an object holds that no line of theirs assigned, as a dataclass does."""
        held = list(vars(made).items()) if hasattr(made, "__dict__") else []
        is_told = id(made) in self.owners
        for name, value in held:
            if type(value).__module__ in RUN_AS and id(value) not in self.begun:
                self._keep_beginning(value)
            elif not is_told and hasattr(value, "shape") and value.ndim:
                self._leaf(self._of_owner(name, made), value)

    def beginning(self, made: Any) -> Any:
        """A copy of an object, as it was before it was trained."""
        return copy.deepcopy(self.begun.get(id(made), made))

    def _of_owner(self, name: str, owner: Any) -> str:
        """The name with the number of its object: the `W` of the second one is `W@2`."""
        if id(owner) not in self.owners:
            self.kept.append(owner)
            self.owners[id(owner)] = len(self.owners) + 1
        return f"{name}{OWNED}{self.owners[id(owner)]}"

    def named(self) -> list[Event]:
        """The events; a number stays where several objects have an attribute of that name, and
        then counts these."""
        self._all_told()
        holders: dict[str, set[int]] = {}
        for name, *_ in self.events:
            stem, _, number = name.partition(OWNED)
            holders.setdefault(stem, set()).update([int(number)] if number else [])
        found = []
        for name, array, drawn, identity in self.events:
            stem, _, number = name.partition(OWNED)
            several = number and len(holders[stem]) > 1 and not stem[-1:].isdigit()
            place = sorted(holders[stem]).index(int(number)) + 1 if several else ""
            found.append((f"{stem}{place}", array, drawn, identity))
        return found

    def _leaf(self, name: str, value: Any) -> None:
        if isinstance(value, dict):
            for key, part in list(value.items())[:50]:
                self._leaf(_entry(name, key), part)
        elif is_network(value):
            self.neurons |= {id(one): (name, value) for one in lists_of(value)}
            for own, array, holder in arrays_of(value):
                self._array(own, array, holder)
        elif isinstance(value, list | tuple) and value and len(value) <= 20:
            if all(hasattr(p, "shape") and getattr(p, "ndim", 0) for p in value):
                for i, part in enumerate(value):
                    self._leaf(f"{name}{i}", part)
            elif role(name) in ("params", "grads") and all(map(_is_layer, value)):
                for number, layer in enumerate(value, 1):
                    for part in layer:
                        self._leaf(_of_layer(name, number, part), part)
            else:
                self._array(name, value)
        else:
            self._array(name, value)

    def _array(self, name: str, value: Any, holder: Any = None) -> None:
        array = as_array(value)
        if array is not None and 0 < array.size <= LARGEST:
            it = value if holder is None else holder
            self.kept.append(it)
            self.events.append((name, np.array(array), self.draws_so_far(), id(it)))


def _entry(name: str, key: Any) -> str:
    """What an entry of a dict or list is called: `W1` of `params`, `dW1` of `grads`; not what an
    optimiser keeps under the weights' names."""
    if not isinstance(key, str):
        return f"{name}{key}"
    stem, owned, number = name.partition(OWNED)
    if plain(stem) in KEPT_BESIDE:
        return f"{stem}.{key}"
    own = f"d{key}" if role(stem) == "grads" and weight_key(key) else key
    return f"{own}{owned}{number}"


def _is_layer(part: Any) -> bool:
    """Whether this is `(w, b)`: a layer's arrays together."""
    return isinstance(part, tuple | list) and all(getattr(p, "ndim", 0) for p in part)


def _of_layer(name: str, number: int, array: np.ndarray) -> str:
    """What an array of a layer is called: `W1` of `params`, `db2` of `grads`."""
    return f"{'d' if role(name) == 'grads' else ''}{'W' if array.ndim > 1 else 'b'}{number}"


def _is_row(part: Any) -> bool:
    """Whether this is a number, or a list of numbers: a part of an array that is a list."""
    if isinstance(part, list):
        return bool(part) and all(isinstance(one, int | float) for one in part)
    return isinstance(part, int | float) and not isinstance(part, bool)


def as_array(value: Any) -> np.ndarray | None:
    """A number, list, array or tensor as an array of numbers; None if it is nothing such."""
    if isinstance(value, bool | str | bytes | dict | ModuleType) or value is None:
        return None
    if callable(value):
        return None
    if hasattr(value, "detach"):
        value = value.detach().cpu().numpy()
    try:
        array = np.asarray(value)
    except Exception:
        return None
    return array if array.dtype.kind in "iufb" and array.dtype.kind != "b" else None


def instrumented(text: str, file: str) -> Any:
    """The code of a program with probes.

    Raises:
        SyntaxError: if it is not Python.
    """
    tree = Probes().visit(ast.parse(text, file))
    return compile(ast.fix_missing_locations(tree), file, "exec")
