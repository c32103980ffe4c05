"""Steps that work in place become steps that make a new value.

What is written into a part of an array makes a new array of which that part is new: `y[:, 0] = v`
becomes a `select_scatter`. Views of an array that are read after it was written to are made again,
from the new array. A buffer that is written to has a new value too, which leaves the network.

Afterwards no step changes an array, but for those that this pass must leave as they are: what is
written into a parameter, or through a view that this pass cannot put back. Whoever comes next finds
no rule for them and refuses them by name.
"""

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field, replace

from backhand.graph import Attribute, Network, Step, Value
from backhand.passes.rewriting import rebuilt

MADE = {
    "aten.select_scatter.default",
    "aten.slice_scatter.default",
    "aten.diagonal_scatter.default",
    "aten.view_as.default",
    "aten.expand_as.default",
    "aten.type_as.default",
    "aten.full_like.default",
}
"""Operators that steps may have now which none had before."""

RESHAPING = {"view", "_unsafe_view", "reshape", "flatten", "unflatten", "squeeze", "unsqueeze"}
MOVING = {"transpose", "t", "permute"}
PARTS = {"select", "slice", "diagonal", "unbind"}
SAME = {"alias", "detach", "contiguous", "lift_fresh", "to", "view_as", "dropout"}
RUNNING = "aten.batch_norm.default"
"""In training it writes into two of its inputs, though its name does not say so."""
RUNNING_ELSEWHERE = "aten.batch_norm_.default"
"""The same where it writes into what this pass must leave as it is."""


def functionalise(
    network: Network, shared: Collection[str], fresh: Callable[[Value], Value]
) -> tuple[Network, dict[str, Value]]:
    """The network without in-place steps, and by the names of buffers their new values, which are
    outputs behind those that there were.

    Args:
        network: steps under the names of PyTorch's operators.
        shared: names of values that share the memory of the first input of their step.
        fresh: gives a new value of the shape and the format of another.
    """
    forward = network.forward
    work = _Work(frozenset(shared), fresh, {v.name: v for v in forward.parameters})
    for step in forward.body:
        work.take(step)
    outputs = tuple(work.read(v) for v in forward.outputs)
    updated = {n: v for n, v in work.current.items() if n in work.kept and v.name != n}
    whole = replace(network, forward=replace(forward, outputs=(*outputs, *updated.values())))
    return rebuilt(whole, work.body, {}), updated


@dataclass(frozen=True)
class _View:
    """How a value shares the memory of another: which it was made from, and by which step."""

    base: Value
    step: Step
    number: int
    """Which of the step's results it is."""


@dataclass
class _Work:
    """What every value of the module is by now."""

    shared: frozenset[str]
    fresh: Callable[[Value], Value]
    kept: dict[str, Value]
    """Parameters and buffers, which outlive the call."""
    body: list[Step] = field(default_factory=list)
    current: dict[str, Value] = field(default_factory=dict)
    shares: dict[str, _View] = field(default_factory=dict)
    same: dict[str, Value] = field(default_factory=dict)
    """By the result of a step in place: what it wrote to."""
    written: dict[str, int] = field(default_factory=dict)
    """How often the memory was written to that begins with a value."""
    seen: dict[str, int] = field(default_factory=dict)
    """How often it had been when the value was last made."""

    def take(self, step: Step) -> None:
        """Add one step, or what it becomes."""
        if is_in_place(step.function) and len(step.outputs) == 1 and step.inputs:
            self._write(step)
            return
        now = replace(step, inputs=tuple(map(self.read, step.inputs)))
        if step.function == RUNNING:
            self._running(step, now)
        else:
            self.body.append(now)
        for number, value in enumerate(step.outputs):
            if value is not None and value.name in self.shared:
                self.shares[value.name] = _View(self._origin(step.inputs[0]), step, number)
                self.seen[value.name] = self.written.get(self._root(value).name, 0)

    def read(self, value: Value) -> Value:
        """What a value is now, made again if it shares memory that was written to since."""
        value = self._origin(value)
        view = self.shares.get(value.name)
        now = self.written.get(self._root(value).name, 0)
        if view is not None and self.seen.get(value.name, 0) < now:
            base = self.read(view.base)
            again = self.fresh(value)
            outputs = tuple(again if i == view.number else None
                            for i in range(len(view.step.outputs)))  # fmt: skip
            inputs = (base, *map(self.read, view.step.inputs[1:]))
            self.body.append(replace(view.step, inputs=inputs, outputs=outputs))
            self._now(value, again)
        return self.current.get(value.name, value)

    def _origin(self, value: Value) -> Value:
        while value.name in self.same:
            value = self.same[value.name]
        return value

    def _root(self, value: Value) -> Value:
        while value.name in self.shares:
            value = self._origin(self.shares[value.name].base)
        return value

    def _is_same(self, one: Value, other: Value) -> bool:
        """Whether two values are one piece of memory."""
        one, other = self._origin(one), self._origin(other)
        first, second = self.shares.get(one.name), self.shares.get(other.name)
        if one == other or first is None or second is None:
            return one == other
        here, there = first.step, second.step
        equal = (here.function, here.attributes) == (there.function, there.attributes)
        alone = len(here.inputs) == len(there.inputs) == 1 and first.number == second.number
        return equal and alone and self._is_same(first.base, second.base)

    def _now(self, value: Value, new: Value) -> None:
        self.current[value.name] = new
        self.seen[value.name] = self.written.get(self._root(value).name, 0)

    def _write(self, step: Step) -> None:
        """A step in place as one that makes something new, which is put where the old one was."""
        target = self._origin(step.inputs[0])
        old = self.read(target)
        inputs = (old, *map(self.read, step.inputs[1:]))
        if step.function == "aten.copy_.default" and self._is_same(step.inputs[1], target):
            self.same[step.output.name] = target  # Python ends `y[0] += 1` with `y[0] = y[0]`
            return
        if not self._is_writable(target):
            # whatever it is a view of, `detach_` changes no number of it
            is_cut = step.function == "aten.detach_.default"
            function = without_mark(step.function) if is_cut else step.function
            self.body.append(replace(step, function=function, inputs=inputs))
            return
        self._put(target, self._content(replace(step, inputs=inputs), old), step)
        self.same[step.output.name] = target

    def _is_writable(self, target: Value) -> bool:
        """Whether something new can be put where a value is."""
        root = self._root(target)
        allowed = self.kept.get(root.name, root).role != "parameter"
        return allowed and all(map(_can_put_back, self._chain(target)))

    def _put(self, target: Value, new: Value, step: Step) -> None:
        """Something new where a value was, and in all that the value is a view of."""
        path = [(target, new)]
        for view in self._chain(target):
            base = self._origin(view.base)
            new = self._put_back(view, self.read(base), new, step)
            path.append((base, new))
        root = self._root(target)
        self.written[root.name] = self.written.get(root.name, 0) + 1
        for value, made in path:
            self._now(value, made)

    def _chain(self, value: Value) -> Iterator[_View]:
        """The views through which a value is reached, it first."""
        while value.name in self.shares:
            view = self.shares[value.name]
            yield view
            value = self._origin(view.base)

    def _content(self, step: Step, old: Value) -> Value:
        """What a step in place would leave in the memory that it writes to."""
        name = step.function.split(".")[1]
        if name == "copy_":
            return self._fitted(step.inputs[1], old, step)
        if name in ("fill_", "zero_") and len(step.inputs) == 2:
            return self._fitted(step.inputs[1], old, step)
        if name in ("fill_", "zero_"):
            value = dict(step.attributes).get("value", 0)
            rest = ("dtype", "layout", "device", "pin_memory", "memory_format")
            attributes = (("self", "@0"), ("fill_value", value), *((n, None) for n in rest))
            return self._added("aten.full_like.default", (old,), attributes, old, step)
        self.body.append(replace(step, function=without_mark(step.function)))
        return step.output

    def _fitted(self, value: Value, like: Value, step: Step) -> Value:
        """What is written, in the shape and with the numbers of what it is written to."""
        two: tuple[tuple[str, Attribute], ...] = (("self", "@0"), ("other", "@1"))
        if value.shape != like.shape:
            shaped = replace(like, numbers=value.numbers)
            value = self._added("aten.expand_as.default", (value, like), two, shaped, step)
        if value.numbers != like.numbers:
            value = self._added("aten.type_as.default", (value, like), two, like, step)
        return value

    def _added(
        self,
        function: str,
        inputs: tuple[Value, ...],
        attributes: tuple[tuple[str, Attribute], ...],
        like: Value,
        step: Step,
    ) -> Value:
        made = self.fresh(like)
        self.body.append(Step(function, inputs, (made,), attributes, step.place,
                              modules=step.modules))  # fmt: skip
        return made

    def _put_back(self, view: _View, base: Value, part: Value, step: Step) -> Value:
        """The array that a view was made from, with what the view shows now."""
        name, given = _name(view.step), dict(view.step.attributes)
        if name in SAME or (name == "slice" and base.shape == part.shape):
            return part
        if name in RESHAPING:
            two = (("self", "@0"), ("other", "@1"))
            return self._added("aten.view_as.default", (part, base), two, base, step)
        if name in MOVING:
            attributes = view.step.attributes
            if name == "permute":
                order = given["dims"]
                assert isinstance(order, tuple)
                axes = [int(axis) % len(order) for axis in order]
                back = tuple(axes.index(axis) for axis in range(len(axes)))
                attributes = (("self", "@0"), ("dims", back))
            return self._added(view.step.function, (part,), attributes, base, step)
        rest = tuple((n, value) for n, value in view.step.attributes if n != "self")
        if name == "unbind":
            rest, name = (("dim", given["dim"]), ("index", view.number)), "select"
        function = f"aten.{name}_scatter.default"
        attributes = (("self", "@0"), ("src", "@1"), *rest)
        return self._added(function, (base, part), attributes, base, step)

    def _running(self, step: Step, now: Step) -> None:
        """Batch norm, which in training writes into its running statistics: they become its second
        and third results. `now` is the step with what its inputs are by now."""
        given = dict(step.attributes)
        where = [str(given[name]) for name in ("running_mean", "running_var")]
        if given["training"] is not True or not all(text.startswith("@") for text in where):
            self.body.append(now)
            return
        targets = [self._origin(step.inputs[int(text[1:])]) for text in where]
        if not all(map(self._is_writable, targets)):
            self.body.append(replace(now, function=RUNNING_ELSEWHERE))
            return
        new = [self.fresh(value) for value in targets]
        self.body.append(replace(now, outputs=(*now.outputs, *new)))
        for target, made in zip(targets, new, strict=True):
            self._put(target, made, step)


def is_in_place(function: str) -> bool:
    """Whether it is an operator such as `aten.add_.Tensor`."""
    return without_mark(function) != function


def without_mark(function: str) -> str:
    """`aten.add.Tensor` for `aten.add_.Tensor`; other names as they are."""
    space, _, rest = function.partition(".")
    name, _, overload = rest.partition(".")
    if name.endswith("_") and not name.endswith("__"):
        return f"{space}.{name[:-1]}.{overload}"
    return function


def _name(step: Step) -> str:
    return step.function.split(".")[1]


def _can_put_back(view: _View) -> bool:
    known = (
        SAME | RESHAPING | {"transpose", "t", "permute", "select", "slice", "diagonal", "unbind"}
    )
    return _name(view.step) in known
