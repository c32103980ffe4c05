"""From a flat network to nested calls: one kind for each call of a module of the user's.

Each step knows the calls in which it stands. A call is the run of steps that know it; what it is
given and what it gives follow from the data: used inside and made outside, made inside and used
outside. What stands between two calls stays where it is, in the caller.

A call that would be a function of one line dissolves into its caller: an operator's own module, a
module that only calls another, and a `Sequential`, which is a list rather than a thought.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from backhand.errors import BackhandError
from backhand.graph import Call, Kind, Module, Nested, NestedKind, Network, Step, Value, check
from backhand.passes.nesting import read_outside

Keys = Mapping[str, tuple[str, ...]]
"""For the name of each parameter its keys in the state_dict: several if it is tied."""

DRAWS = frozenset({"dropout_mask"})
"""Steps that only serve the next one, and so make no function worth having."""


def tree(network: Network, keys: Keys) -> Nested:
    """The network with a call, and a kind of its own, for each call of a module that is more than
    a line. The parameters of a kind are those whose key lies below the module.

    Raises:
        BackhandError: if a module's call goes on after it has ended.
    """
    steps = network.forward.body
    builder = _Builder(keys, _last_uses(network))
    body = builder.body(_dissolved(_grown(steps).parts), ())
    paths = tuple(tuple(keys.get(value.name, ())) for value in network.forward.parameters)
    nested: Nested = network
    forward = replace(nested.forward, body=body, paths=paths)
    return check(replace(nested, forward=forward, functions=tuple(builder.kinds)), named=False)


def below(path: str, base: str) -> str:
    """The path of a module as its ancestor `base` says it; with a `/` if it does not lie there."""
    if not base:
        return path
    return path.removeprefix(f"{base}.") if path.startswith(f"{base}.") else f"/{path}"


@dataclass
class _Node:
    """A call of a module while the tree grows: `stack` are the calls down to it."""

    stack: tuple[Module, ...]
    parts: "list[Step | _Node]" = field(default_factory=list)
    stop: int = 0
    """How many steps of the network stand before its end."""


def _grown(steps: tuple[Step, ...]) -> _Node:
    root = _Node((), stop=len(steps))
    path = [root]
    seen: set[tuple[Module, ...]] = set()
    for index, step in enumerate(steps):
        stack = step.modules
        while path[-1].stack != stack[: len(path) - 1]:
            path.pop()
        while len(path) <= len(stack):
            node = _Node(stack[: len(path)])
            if node.stack in seen:
                raise _reopened(node.stack[-1], step)
            seen.add(node.stack)
            path[-1].parts.append(node)
            path.append(node)
        path[-1].parts.append(step)
        for node in path[1:]:
            node.stop = index + 1
    return root


def _dissolved(parts: "list[Step | _Node]") -> "list[Step | _Node]":
    """The parts with the calls that are no function of their own replaced by what is in them."""
    found: list[Step | _Node] = []
    for part in parts:
        if isinstance(part, Step):
            found.append(part)
            continue
        part.parts = _dissolved(part.parts)
        found += part.parts if _is_shell(part) else [part]
    return found


def _is_shell(node: _Node) -> bool:
    module = node.stack[-1]
    lines = [p for p in node.parts if not (isinstance(p, Step) and p.function in DRAWS)]
    return not module.path or module.class_name == "Sequential" or len(lines) <= 1


def _last_uses(network: Network) -> dict[str, int]:
    """For each value the last step that uses it; the number of steps if the outside does."""
    steps = network.forward.body
    last = {v.name: index for index, step in enumerate(steps) for v in step.inputs}
    return last | {value.name: len(steps) for value in read_outside(network)}


@dataclass(frozen=True)
class _Builder:
    """Turns nodes into calls, and collects a kind for each."""

    keys: Keys
    last_uses: Mapping[str, int]
    kinds: list[NestedKind] = field(default_factory=list)
    names: Counter[str] = field(default_factory=Counter)

    def body(self, parts: list[Step | _Node], stack: tuple[Module, ...]) -> tuple[Step | Call, ...]:
        made: list[Step | Call] = []
        for part in parts:
            if isinstance(part, Step):
                made.append(replace(part, modules=_within(part.modules, stack)))
            else:
                made.append(self.call(part, stack))
        return tuple(made)

    def call(self, node: _Node, stack: tuple[Module, ...]) -> Call:
        body = self.body(node.parts, node.stack)
        module = node.stack[-1]
        made = [value for part in body for value in part.made()]
        outputs = tuple(v for v in made if self.last_uses.get(v.name, -1) >= node.stop)
        given = _given(body)
        paths = {v.name: self._paths(v, module.path) for v in given}
        inputs = tuple(value for value in given if not paths[value.name])
        parameters = tuple(value for value in given if paths[value.name])
        kind = Kind(
            self._name(module.path),
            inputs,
            parameters,
            outputs,
            body,
            paths=tuple(paths[value.name] for value in parameters),
            class_name=module.class_name,
        )
        self.kinds.append(kind)
        return Call(kind.name, inputs, parameters, outputs, _within(node.stack, stack))

    def _paths(self, value: Value, base: str) -> tuple[str, ...]:
        """The keys of a parameter that lie below a module, as the module says them."""
        paths = (below(key, base) for key in self.keys.get(value.name, ()))
        return tuple(path for path in paths if not path.startswith("/"))

    def _name(self, path: str) -> str:
        """A name until kinds are shared, as torch.export has it: `cell`, then `cell@1`."""
        self.names[path] += 1
        return path if self.names[path] == 1 else f"{path}@{self.names[path] - 1}"


def _given(body: tuple[Step | Call, ...]) -> tuple[Value, ...]:
    made = {value.name for part in body for value in part.made()}
    used = (v for part in body for v in part.operands if v.literal is None)
    return tuple({v.name: v for v in used if v.name not in made}.values())


def _within(stack: tuple[Module, ...], outer: tuple[Module, ...]) -> tuple[Module, ...]:
    """The calls that stand within `outer`, with paths as the last of those says them."""
    base = outer[-1].path if outer else ""
    return tuple(replace(m, path=below(m.path, base)) for m in stack[len(outer) :])


def _reopened(module: Module, step: Step) -> BackhandError:
    return BackhandError(
        f"the call of `{module.path}` ({module.class_name}) goes on after it has ended",
        where=str(step.place or step),
        repair="this is a mistake in backhand's capture; please report it with the network",
    )
