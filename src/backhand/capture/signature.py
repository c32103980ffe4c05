"""What goes into a captured module and what comes out: names, numbers, and the keys of weights."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from backhand.capture.identifiers import Identifiers, one_line
from backhand.capture.reading import NUMBERS, Reading
from backhand.capture.trees import Leaf, Tree, paths, tree
from backhand.graph import Kind, Network, Role, Value, check
from backhand.passes.rewriting import renamed

NAMELESS = "constant"
"""What a constant is called that nobody has a name for."""

ROLES: dict[str, Role] = {
    "PARAMETER": "parameter",
    "BUFFER": "buffer",
    "CONSTANT_TENSOR": "constant",
}


@dataclass(frozen=True)
class Signature:
    """A module under PyTorch's own operators, before any pass."""

    network: Network
    stored: "Stored"
    inputs: Tree
    outputs: Tree
    names: Identifiers
    """What is taken, and gives new names."""


@dataclass(frozen=True)
class Stored:
    """Parameters, buffers and constants, by the names of their values."""

    values: tuple[Value, ...]
    arrays: Mapping[str, np.ndarray]
    keys: Mapping[str, tuple[str, ...]]
    words: Mapping[str, str]
    """What the module calls each of its own: the last word of its path."""
    trained: frozenset[str]
    frozen: frozenset[str]
    unused: tuple[str, ...]
    """Keys of parameters that nothing reads."""


def signature(module: Any, name: str, program: Any, reading: Reading) -> Signature:
    """Read an exported program whole: its steps into `reading`, all around them into the result."""
    names = Identifiers()
    kinds = {s.arg.name: s.kind.name for s in program.graph_signature.input_specs}
    holes = [node for node in program.graph.nodes if node.op == "placeholder"]
    given = [node for node in holes if kinds[node.name] == "USER_INPUT"]
    for node in given:
        if hasattr(node.meta.get("val"), "dtype"):
            name_here = names.give(node.name, "x", is_input=True)
            reading.values[node] = reading.value(name_here, node.meta["val"], role="input")
    stored = _stored(module, program, holes, names, reading)
    returned = reading.read(program.graph, program.graph_module)
    inputs = _values(given, reading)
    outputs = _values(returned, reading)
    kind = Kind("network", inputs, stored.values, outputs, tuple(reading.steps))
    return Signature(
        check(Network(one_line(name), (), kind), named=False),
        stored,
        tree(program.call_spec.in_spec, _leaves(given, inputs, reading)),
        tree(program.call_spec.out_spec, _leaves(returned, outputs, reading)),
        names,
    )


def with_named_outputs(
    network: Network, outputs: Tree, names: Identifiers, changed: Sequence[str]
) -> Network:
    """The network whose outputs are called what they are called in the module's result; the last
    are new values of buffers, and called after those."""
    new: dict[str, str] = {}
    places = paths(outputs)
    own = len(network.forward.outputs) - len(changed)
    places |= {own + number: f"new_{name}" for number, name in enumerate(changed)}
    for number, value in enumerate(network.forward.outputs):
        if value.is_nameless and value.name not in new:
            new[value.name] = names.give(places[number], "output")
    return renamed(network, new)


def _values(nodes: Iterable[Any], reading: Reading) -> tuple[Value, ...]:
    """The arrays among some nodes, each once."""
    found = (reading.values.get(node) for node in nodes)
    return tuple({value.name: value for value in found if isinstance(value, Value)}.values())


def _leaves(nodes: Iterable[Any], values: Sequence[Value], reading: Reading) -> Iterator[Leaf]:
    """Each node as the number of its array; anything else is built in as it is."""
    for node in nodes:
        value = reading.values.get(node)
        literal = node.meta.get("val") if hasattr(node, "meta") else node
        if isinstance(value, Value):
            yield Leaf(values.index(value))
        else:
            yield Leaf(literal=literal if isinstance(literal, float | int | bool | str) else None)


def _stored(
    module: Any, program: Any, holes: Sequence[Any], names: Identifiers, reading: Reading
) -> Stored:
    """What the module keeps, one value for each tensor however many keys it has."""
    targets = {s.arg.name: (s.kind.name, s.target) for s in program.graph_signature.input_specs}
    own = _Own.of(module)
    found = _Found()
    for node in holes:
        kind, target = targets[node.name]
        if kind not in ROLES or not node.users:
            continue
        tensor = own.tensors.get(target, program.constants.get(target))
        if id(tensor) not in found.values:
            keys = own.keys(target, node)
            wish = NAMELESS if kind == "CONSTANT_TENSOR" else keys[0]
            name = names.give(wish, ROLES[kind])
            value = reading.value(name, node.meta["val"], role=ROLES[kind])
            kept = tuple(key for key in keys if key in own.saved)
            found.take(value, tensor, kept, reading.formats[name])
            found.words[name] = wish.rpartition(".")[2]
        reading.values[node] = found.values[id(tensor)]
    parameters = {v.name for v in found.values.values() if v.role == "parameter"}
    unread = (p for p in own.parameters if id(own.tensors[p]) not in found.values)
    return Stored(
        tuple(found.values.values()),
        found.arrays,
        found.keys,
        found.words,
        frozenset(parameters - found.frozen),
        frozenset(parameters & found.frozen),
        tuple(unread),
    )


@dataclass
class _Found:
    """What is read, by the tensor's identity or its value's name."""

    values: dict[int, Value] = field(default_factory=dict)
    arrays: dict[str, np.ndarray] = field(default_factory=dict)
    keys: dict[str, tuple[str, ...]] = field(default_factory=dict)
    words: dict[str, str] = field(default_factory=dict)
    frozen: set[str] = field(default_factory=set)

    def take(self, value: Value, tensor: Any, keys: tuple[str, ...], word: str) -> None:
        self.values[id(tensor)] = value
        self.arrays[value.name] = _numbers(tensor, word)
        if keys:
            self.keys[value.name] = keys
        if not tensor.requires_grad:
            self.frozen.add(value.name)


@dataclass(frozen=True)
class _Own:
    """The module's own parameters and buffers by their keys, tied ones under each."""

    tensors: Mapping[str, Any]
    parameters: tuple[str, ...]
    saved: frozenset[str]

    @classmethod
    def of(cls, module: Any) -> "_Own":
        parameters = dict(module.named_parameters(remove_duplicate=False))
        buffers = dict(module.named_buffers(remove_duplicate=False))
        saved = frozenset(module.state_dict())
        return cls(parameters | buffers, tuple(parameters), saved)

    def keys(self, target: str, node: Any) -> tuple[str, ...]:
        """All keys of a tensor, first the one under the path of the first module that uses it."""
        tensor = self.tensors.get(target)
        stack = list(next(iter(node.users)).meta.get("nn_module_stack", {}).values())
        path = stack[-1][0] if stack else ""
        keys = [key for key, other in self.tensors.items() if other is tensor] or [target]
        return tuple(sorted(keys, key=lambda key: key.rpartition(".")[0] != path))


def _numbers(tensor: Any, word: str) -> np.ndarray:
    """A copy of a tensor's numbers in a format, which training the module does not change."""
    if tensor.is_complex() and word in NUMBERS:
        return _numbers(tensor.resolve_conj().view(tensor.real.dtype).view(*tensor.shape, 2), word)
    if word not in NUMBERS:
        return np.empty(0)  # refused once all of it is read
    found: np.ndarray = tensor.detach().cpu().numpy().astype(word)
    return found
