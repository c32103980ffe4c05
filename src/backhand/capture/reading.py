"""`torch.export`'s graph as our flat data, before anything is made of it.

Each call of an operator becomes a step under the operator's own name, with all its arguments as
attributes by the schema's names. An attribute that is text may be more than text:

    @2          the step's input number 2; `@0 @- @1` is a list of arrays with a None in it
    $B, $[B, 4] sizes with a name, or anything else that is no literal

PyTorch's objects are used here, but PyTorch is not imported: `exported.py` hands them over.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from backhand.capture.identifiers import one_line
from backhand.capture.sizes import size
from backhand.graph import Attribute, Module, Numbers, Place, Size, Step, Value
from backhand.passes.functionalise import without_mark

ARRAY, OPAQUE = "@", "$"

NUMBERS: dict[str, Numbers] = {
    **dict.fromkeys(("float32", "float64"), "float"),
    **dict.fromkeys(("int64", "int32", "int16", "int8", "uint8"), "int"),
    "bool": "bool",
}
"""The formats that programs work in. Others are refused, not widened without a word."""

NO_GRADIENT = "aten.detach.default"
COPIED = "aten.copy_.default"
INLINED = "wrap_with_set_grad_enabled"
"""It holds a graph, its second argument; the first says whether there are derivatives in it."""


@dataclass(frozen=True)
class Argument:
    """One argument of an operator's schema."""

    name: str
    default: Any = None
    has_default: bool = False
    by_name_only: bool = False


@dataclass(frozen=True)
class Call:
    """What stands behind a step: PyTorch's operator and the arguments as the graph has them."""

    target: Any
    arguments: Mapping[str, Any]


@dataclass
class Reading:
    """Reads graphs node by node; what it finds grows with each."""

    sizes: Mapping[str, Size]
    """PyTorch's symbols (`s77`), and our names for them (`B`) or the lengths that they had."""
    torch_folder: str
    precision: str = "float64"
    """The one format of all floats: what PyTorch does in another is done in this."""
    tag: str = ""
    """The name of our tag on nodes, which says by which call in the source they came to be."""
    lengths: Mapping[str, int] = field(default_factory=dict)
    """What the sizes with PyTorch's symbols were in the call that was captured."""
    changing: frozenset[str] = frozenset()
    """Keys of buffers that are no constants though nothing here writes into them."""
    sources: dict[str, tuple[int, int | None]] = field(default_factory=dict)
    """For a value's name the number of that call, and of its result where there are several."""
    values: dict[Any, Value | tuple[Value | None, ...]] = field(default_factory=dict)
    """What each node of the graph stands for."""
    steps: list[Step] = field(default_factory=list)
    calls: dict[str, Call] = field(default_factory=dict)
    """The call that makes a value, by the value's name."""
    schemas: dict[str, tuple[Argument, ...]] = field(default_factory=dict)
    formats: dict[str, str] = field(default_factory=dict)
    """PyTorch's word for the type of each value's numbers, by the value's name."""
    shapes: dict[str, tuple[Size, ...]] = field(default_factory=dict)
    """How large each value is in the call that was captured, by the value's name."""
    shared: set[str] = field(default_factory=set)
    """Names of values that share the memory of the first input of their step."""
    orders: dict[str, tuple[int, ...]] = field(default_factory=dict)
    """The axes of a value as they lie in memory, the outermost first, where they are not in order:
    PyTorch draws as it walks through memory."""
    pairs: set[str] = field(default_factory=set)
    """Names of values whose numbers are complex: each is a pair, in an axis behind all others."""
    random: set[str] = field(default_factory=set)
    """Operators that may draw."""
    others: set[str] = field(default_factory=set)
    """The formats that floats were in which are not the precision."""

    def read(self, graph: Any, owner: Any) -> tuple[Any, ...]:
        """Append the steps of a graph whose placeholders are known; what it returns."""
        for node in graph.nodes:
            if node.op == "call_function":
                self._call(node, owner)
        (output,) = (node for node in graph.nodes if node.op == "output")
        returned: tuple[Any, ...] = tuple(output.args[0])
        return returned

    def value(self, name: str, tensor: Any, **more: Any) -> Value:
        """A value of a tensor's shape and kind of numbers."""
        word = self._format(str(tensor.dtype).removeprefix("torch."))
        self.formats[name] = word
        self.shapes[name] = tuple(_length(size) for size in tensor.shape)
        shape = tuple(self.size(size) for size in tensor.shape)
        if tensor.is_complex() and more.get("role") != "input":
            self.pairs.add(name)
            self.formats[name], self.shapes[name] = self.precision, (*self.shapes[name], 2)
            return Value(name, (*shape, 2), **more)
        if (order := _order(tensor)) is not None:
            self.orders[name] = order
        return Value(name, shape, numbers=NUMBERS.get(word, "float"), **more)

    def _format(self, word: str) -> str:
        """The format in which numbers are kept that PyTorch has in the format of this name."""
        if NUMBERS.get(word) != "float":
            return word
        if word != self.precision:
            self.others.add(word)
        return self.precision

    def size(self, of: Any) -> Size:
        """A number, or what is known of it in names: `B`, `2*B*T`."""
        found = self.number(of)
        return found if isinstance(found, int) else str(found)

    def number(self, of: Any) -> float | int | bool | str:
        """Any result of arithmetic on sizes: as `size`, but it may be a float or a truth too."""
        return of if isinstance(of, int | float) else size(of.node.expr, self.sizes)

    def _call(self, node: Any, owner: Any) -> None:
        made = node.meta.get("val")
        kind = getattr(node.target, "__name__", "")
        if kind == INLINED:
            self._inline(node, owner)
        elif kind == "getitem":
            inner = self.values[node.args[0]]
            assert isinstance(inner, tuple)
            if (found := inner[node.args[1]]) is not None:
                self.values[node] = found
        elif _is_size(made) and not hasattr(node.target, "_schema"):
            return  # arithmetic on sizes, which is read off where it is used
        elif _is_size(made) and "sym_" in str(node.target):
            return
        else:
            self._step(node, made)

    def _step(self, node: Any, made: Any) -> None:
        target, given = node.target, _by_name(node)
        written_to = given.pop("out", None) if (plain := without_out(target)) else None
        if written_to is not None:
            target = plain
        function = operator_name(target)
        inputs: list[Value] = []
        attributes = tuple((name, self._attribute(a, inputs)) for name, a in given.items())
        outputs = self._outputs(node, made)
        known = {name: self.known(argument) for name, argument in given.items()}
        self.remember(function, target)
        for value in outputs:
            if value is not None:
                self.calls[value.name] = Call(target, known)
        if inputs:
            self._note_shared(node, outputs)
        place, modules = place_of(node, self.torch_folder), modules_of(node)
        self.steps.append(
            Step(function, tuple(inputs), outputs, attributes, place, modules=modules)
        )
        if written_to is not None:
            self._write_to(self.values[written_to], outputs, node)

    def _write_to(self, target: Any, outputs: tuple[Value | None, ...], node: Any) -> None:
        """What an operator has made is copied to where its caller wants it (`out=`)."""
        (made,) = outputs
        assert made is not None
        copied = self.like(made)
        attributes = (("self", f"{ARRAY}0"), ("src", f"{ARRAY}1"), ("non_blocking", False))
        place, modules = place_of(node, self.torch_folder), modules_of(node)
        self.steps.append(
            Step(COPIED, (target, made), (copied,), attributes, place, modules=modules)
        )
        self.values[node] = copied

    def _outputs(self, node: Any, made: Any) -> tuple[Value | None, ...]:
        if hasattr(made, "dtype"):
            value = self.value(self._unnamed(), made)
            self.values[node] = value
            self._note_source(node, value, None)
            return (value,)
        if not isinstance(made, list | tuple):
            return ()
        read = {user.args[1] % len(made) for user in node.users}
        values = tuple(
            self.value(self._unnamed(), tensor) if i in read else None
            for i, tensor in enumerate(made)
        )
        self.values[node] = values
        for i, part in enumerate(values):
            if part is not None:
                self._note_source(node, part, i)
        return values

    def _note_source(self, node: Any, value: Value, number: int | None) -> None:
        """Of several values that one call makes, the last is what it gives."""
        call = (node.meta.get("custom") or {}).get(self.tag)
        if call is not None:
            last = {name for name, source in self.sources.items() if source == (call, number)}
            for name in last:
                del self.sources[name]
            self.sources[value.name] = call, number

    def _note_shared(self, node: Any, outputs: Sequence[Value | None]) -> None:
        """Note which results share the memory of the first array that a call is given."""
        first = next(a for a in node.all_input_nodes if hasattr(a.meta.get("val"), "dtype"))
        memory, made = _memory(first.meta["val"]), node.meta["val"]
        tensors = made if isinstance(made, list | tuple) else [made]
        for value, tensor in zip(outputs, tensors, strict=False):
            if value is not None and memory is not None and _memory(tensor) == memory:
                self.shared.add(value.name)

    def new(self, shape: tuple[Size, ...], word: str) -> Value:
        """A new value of a shape whose sizes are numbers or letters, in a format."""
        name = self._unnamed()
        letters = {str(letter): self.lengths[s] for s, letter in self.sizes.items()}
        self.formats[name] = word
        self.shapes[name] = tuple(letters[n] if isinstance(n, str) else n for n in shape)
        return Value(name, shape, numbers=NUMBERS[word])

    def like(self, value: Value) -> Value:
        """A new value of the shape and the format of another."""
        name = self._unnamed()
        self.formats[name], self.shapes[name] = self.formats[value.name], self.shapes[value.name]
        return Value(name, value.shape, numbers=value.numbers)

    def _unnamed(self) -> str:
        return f"%{len(self.formats) + 1}"

    def remember(self, function: str, target: Any) -> None:
        """What an operator's schema says, for it and for its form that works in place."""
        schema = getattr(target, "_schema", None)
        if schema is None or function in self.schemas:
            return
        arguments = tuple(
            Argument(a.name, a.default_value, a.has_default_value(), a.kwarg_only)
            for a in schema.arguments
        )
        draws = any("nondeterministic_seeded" in str(tag) for tag in target.tags)
        for name in {function, without_mark(function)}:
            self.schemas[name] = arguments
            if draws:
                self.random.add(name)

    def _inline(self, node: Any, owner: Any) -> None:
        """The steps of a part that stands under `no_grad` or `enable_grad`.

        What leaves the first kind has no derivative, which a step of its own says.
        """
        inner = getattr(owner, node.args[1].target)
        holes = [n for n in inner.graph.nodes if n.op == "placeholder"]
        for hole, argument in zip(holes, node.args[2:], strict=True):
            if argument in self.values:
                self.values[hole] = self.values[argument]
        returned = [self.values.get(out) for out in self.read(inner.graph, inner)]
        if not node.args[0]:
            returned = [self._cut(v, node) if isinstance(v, Value) else v for v in returned]
        self.values[node] = tuple(v if isinstance(v, Value) else None for v in returned)

    def _cut(self, value: Value, node: Any) -> Value:
        made = self.like(value)
        before = self.steps[-1] if self.steps else None
        place = place_of(node, self.torch_folder) or (before.place if before else None)
        attributes = (("self", f"{ARRAY}0"),)
        self.schemas[NO_GRADIENT] = (Argument("self"),)
        self.steps.append(
            Step(NO_GRADIENT, (value,), (made,), attributes, place, modules=modules_of(node))
        )
        return made

    def known(self, argument: Any, lengths: Mapping[str, int] | None = None) -> Any:
        """An argument with the numbers for those sizes in it that are known, all where `lengths`
        says what our letters are."""
        if isinstance(argument, list | tuple):
            return [self.known(part, lengths) for part in argument]
        if hasattr(argument, "meta") and _is_size(argument.meta.get("val")):
            given = argument.meta["val"]
            at = {symbol: (lengths or {}).get(str(of), of) for symbol, of in self.sizes.items()}
            found = given if isinstance(given, int | float) else size(given.node.expr, at)
            return argument if isinstance(found, str) else found
        return argument

    def _attribute(self, argument: Any, inputs: list[Value]) -> Attribute:
        """An argument as a literal; arrays in it are added to `inputs`."""
        if argument is None or isinstance(argument, bool | int | float):
            return argument
        if isinstance(argument, str):
            return f"{OPAQUE}{argument}" if argument.startswith((ARRAY, OPAQUE)) else argument
        if isinstance(argument, list | tuple):
            return self._list(argument, inputs)
        if argument in self.values:
            value = self.values[argument]
            assert isinstance(value, Value)
            inputs.append(value)
            return f"{ARRAY}{len(inputs) - 1}"
        if hasattr(argument, "meta") and _is_size(argument.meta.get("val")):
            found = self.number(argument.meta["val"])
            return f"{OPAQUE}{found}" if isinstance(found, str) else found
        text = str(argument)
        if not text.startswith("torch."):
            return f"{OPAQUE}{text}"
        return self._format(text.removeprefix("torch."))

    def _list(self, arguments: Sequence[Any], inputs: list[Value]) -> Attribute:
        parts = [self._attribute(argument, inputs) for argument in arguments]
        if all(type(part) is int for part in parts):
            return tuple(part for part in parts if type(part) is int)
        if all(part is None or str(part).startswith(ARRAY) for part in parts):
            return " ".join(f"{ARRAY}-" if part is None else str(part) for part in parts)
        return f"{OPAQUE}[{', '.join(str(part).removeprefix(OPAQUE) for part in parts)}]"


def without_out(target: Any) -> Any:
    """The operator that makes what another one writes into its argument `out`; None for others."""
    schema = getattr(target, "_schema", None)
    arguments = [(a.name, str(a.type)) for a in schema.arguments] if schema else []
    if not arguments or arguments[-1] != ("out", "Tensor"):
        return None
    packet = target.overloadpacket
    for other in (getattr(packet, name) for name in packet.overloads()):
        if [(a.name, str(a.type)) for a in other._schema.arguments] == arguments[:-1]:
            return other
    return None


def _memory(tensor: Any) -> Any:
    """What two tensors have in common that share memory; None where PyTorch hides it."""
    try:
        return tensor.untyped_storage()._cdata
    except NotImplementedError:
        return None


def _length(of: Any) -> Size:
    """What a size was when the network was captured, where PyTorch knows."""
    if isinstance(of, int):
        return of
    return int(of.node.hint) if of.node.has_hint() else str(of)


def _order(tensor: Any) -> tuple[int, ...] | None:
    """The axes from the outermost in memory; None where they are in order, or have gaps."""
    sizes, strides = ([_length(n) for n in many] for many in (tensor.shape, tensor.stride()))
    if any(isinstance(n, str) for n in (*sizes, *strides)):
        return None
    order = sorted(range(len(sizes)), key=lambda axis: -int(strides[axis]))
    long = [axis for axis in order if sizes[axis] != 1]
    expected = 1
    for axis in reversed(long):
        if strides[axis] != expected:
            return None
        expected *= int(sizes[axis])
    return None if long == sorted(long) else tuple(order)


def _is_size(made: Any) -> bool:
    """A number, a truth or a piece of symbolic arithmetic: nothing that is an array."""
    return isinstance(made, int | float) or type(made).__name__ in ("SymInt", "SymBool", "SymFloat")


def operator_name(target: Any) -> str:
    """`aten.softmax.int`; anything else by its Python name."""
    text = str(target)
    if hasattr(target, "_schema"):
        return text
    return one_line(getattr(target, "__name__", text))


def _by_name(node: Any) -> dict[str, Any]:
    """Every argument of a call by its schema's name, defaults filled in."""
    schema = getattr(node.target, "_schema", None)
    if schema is None:
        return {f"argument{i}": a for i, a in enumerate(node.args)} | dict(node.kwargs)
    given = dict(zip((a.name for a in schema.arguments), node.args, strict=False))
    given |= node.kwargs
    return {a.name: given.get(a.name, a.default_value) for a in schema.arguments}


_FRAME = re.compile(r'File "(.*)", line (\d+), in .*\n\s*(.*)')


def place_of(node: Any, torch_folder: str) -> Place | None:
    """The innermost line of the user's own code that led to a call."""
    frames = list(frames_of(node.meta.get("stack_trace") or ""))
    own = [frame for frame in frames if not frame.file.startswith(torch_folder)]
    return own[-1] if own else None


def frames_of(trace: str) -> Iterator[Place]:
    """The frames of a traceback that is text, the outermost first."""
    for file, line, text in _FRAME.findall(trace):
        yield Place(one_line(file), int(line), one_line(text.strip()))


def modules_of(node: Any) -> tuple[Module, ...]:
    """The calls of modules around a call; not the outermost, which is the network itself."""
    found = []
    for key, (path, class_name) in node.meta.get("nn_module_stack", {}).items():
        number = re.search(r"@(\d+)$", key)
        name = class_name if isinstance(class_name, str) else class_name.__qualname__
        if path and path != key:
            call = int(number[1]) if number else 0
            found.append(Module(one_line(path), one_line(name.split(".")[-1]), call))
    return tuple(found)
