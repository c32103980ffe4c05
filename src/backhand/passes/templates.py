"""What depends on sizes alone is said in one line, where its numbers show which.

Masks and positions are made by many steps from the sizes of the inputs. They are worked out at
several sizes; where the results are equal along an axis, count evenly, or are a triangle, at every
one of them, a line that says so takes the place of the steps. What shows no such thing stays as it
is. Several sizes are evidence, not proof: nothing in a graph of sizes alone is likely to behave
otherwise at a fourth.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from backhand.graph import Attribute, Network, Size, Step, Value
from backhand.passes.rewriting import rebuilt, replaced

LONGEST = 1024
"""The longest sequence that is tried out; numbers beyond it are not looked at twice."""

ENDLESS = 2**62
"""From here on a number is PyTorch's word for `to the end`."""

Lengths = Mapping[str, int]
Compute = Callable[[Step, Mapping[str, np.ndarray], Lengths], tuple[np.ndarray | None, ...] | None]
"""What a step makes of arrays by name where sizes have these lengths, or None if not known."""

Given = Mapping[str, Attribute | tuple[Size, ...]]

New = Callable[[tuple[Size, ...], str], Value]
"""Gives a value of a shape, in a format by PyTorch's word."""

MADE = {
    "aten.arange.start_step",
    "aten.full.default",
    "aten.tril.default",
    "aten.where.ScalarOther",
    "aten.logical_not.default",
    "aten.view.default",
    "aten.expand.default",
}
"""Operators that steps may have now which none had before."""


def with_templates(
    network: Network,
    arrays: Mapping[str, np.ndarray],
    compute: Compute,
    new: New,
    lengths: Sequence[Lengths],
) -> tuple[Network, dict[str, Value]]:
    """The network with a line for each array that depends on sizes alone, and what stands now for
    values that are gone.

    Args:
        network: steps under the names of PyTorch's operators, none in place.
        arrays: numbers of buffers and constants that nothing changes.
        compute: does one step at some sizes.
        new: makes a value.
        lengths: the sizes at which to look, for each letter a length.
    """
    if not lengths or not lengths[0]:
        return network, {}
    first = _known(network, arrays, compute, lengths[:1])
    windows = _windows(network, first[0])
    if "T" in lengths[0] and any(number > LONGEST for number in windows):
        return network, {}
    beyond = max(windows, default=0) + 2
    lengths = [*lengths, {letter: max(n, beyond) if letter == "T" else n
                          for letter, n in lengths[0].items()}]  # fmt: skip
    known = _known(network, arrays, compute, lengths)
    needed = {v.name for v in network.forward.outputs}
    body: list[Step] = []
    instead: dict[str, Value] = {}
    for step in reversed(network.forward.body):
        made = step.made()
        if not made or made[0].name not in known[0]:
            needed |= {v.name for v in step.inputs}
            body.append(step)
        elif any(value.name in needed for value in made):
            found = _template(step, known, new, lengths) if len(made) == 1 else None
            if found is None:
                needed |= {v.name for v in step.inputs}
                body.append(step)
            else:
                body.extend(reversed(found))
                instead[made[0].name] = found[-1].output
    kept = [replaced(step, instead) for step in reversed(body)]
    return rebuilt(network, kept, instead), instead


def _windows(network: Network, known: Mapping[str, np.ndarray]) -> list[int]:
    """The whole numbers in steps that depend on sizes alone: a mask may look otherwise where a
    sequence is longer than one of them, as that of a sliding window does."""
    return [
        abs(part)
        for step in network.forward.body
        if any(value.name in known for value in step.made())
        for _, given in step.attributes
        for part in (given if isinstance(given, tuple) else (given,))
        if type(part) is int and abs(part) < ENDLESS
    ]


def _known(
    network: Network,
    arrays: Mapping[str, np.ndarray],
    compute: Compute,
    lengths: Sequence[Lengths],
) -> list[dict[str, np.ndarray]]:
    """For each of the lengths the numbers of all values that have a size with a name, but depend
    on sizes alone, beside those that depend on nothing."""
    known = [dict(arrays) for _ in lengths]
    for step in network.forward.body:
        if not all(v.name in known[0] for v in step.inputs) or not step.made():
            continue
        results = []
        for numbers, length in zip(known, lengths, strict=True):
            made = compute(step, numbers, length)
            if made is None:
                break
            results.append(made)
        if len(results) == len(lengths):
            for numbers, made in zip(known, results, strict=True):
                for value, array in zip(step.outputs, made, strict=False):
                    if value is not None and array is not None:
                        numbers[value.name] = array
    return known


def _template(
    step: Step, known: Sequence[Mapping[str, np.ndarray]], new: New, lengths: Sequence[Lengths]
) -> list[Step] | None:
    """Steps that make the same at each of the lengths; None where none were found, or where the
    value has no size with a name."""
    value = step.output
    axes = [axis for axis, size in enumerate(value.shape) if not isinstance(size, int)]
    if not axes or any(str(value.shape[axis]) not in lengths[0] for axis in axes):
        return None
    found = [numbers[value.name] for numbers in known]
    for axis in axes:
        firsts = [np.take(array, [0], axis=axis) for array in found]
        if all((a == f).all() for a, f in zip(found, firsts, strict=True)):
            found = firsts
    shape = tuple(
        1 if all(array.shape[axis] == 1 for array in found) else size
        for axis, size in enumerate(value.shape)
    )
    writer = _Writer(step, new)
    if (made := writer.core(found, shape)) is None:
        return None
    writer.expanded(made, value.shape)
    return writer.steps


@dataclass
class _Writer:
    """Writes the steps of one template."""

    step: Step
    new: New
    steps: list[Step] = field(default_factory=list)
    words: dict[str, str] = field(default_factory=dict)
    """The format of each value made."""

    def core(self, found: Sequence[np.ndarray], shape: tuple[Size, ...]) -> Value | None:
        """The array without the axes along which it is equal; None where it shows no pattern."""
        long = [axis for axis, size in enumerate(shape) if size != 1]
        word = str(found[0].dtype)
        flat = [array.reshape([array.shape[axis] for axis in long]) for array in found]
        sizes = tuple(shape[axis] for axis in long)
        if not long and len({array.item() for array in flat}) == 1:
            return self.full(shape, flat[0].item(), word)
        if len(long) == 1 and word != "bool" and (line := _line(flat)):
            start, by = line
            end = f"{start} + {by}*{sizes[0]}" if (start, by) != (0, 1) else str(sizes[0])
            return self.viewed(self.arange(sizes, start, end, by, word), shape)
        if len(long) == 2 and sizes[0] == sizes[1] and (found_here := _triangle(flat)):
            inside, outside = found_here
            lower = self.lower(sizes)
            if (word, inside) == ("bool", False):
                lower = self.add("aten.logical_not.default", (lower,), sizes, word, {"self": "@0"})
            elif word != "bool":
                lower = self.where(lower, inside, outside, word)
            return self.viewed(lower, shape)
        return None

    def full(self, shape: tuple[Size, ...], number: float, word: str) -> Value:
        return self.add("aten.full.default", (), shape, word, {"size": shape, "fill_value": number})

    def arange(
        self, sizes: tuple[Size, ...], start: float, end: str, by: float, word: str
    ) -> Value:
        given: Given = {"start": start, "end": f"${end}", "step": by}
        return self.add("aten.arange.start_step", (), sizes, word, given)

    def lower(self, sizes: tuple[Size, ...]) -> Value:
        ones = self.full(sizes, True, "bool")
        return self.add("aten.tril.default", (ones,), sizes, "bool", {"self": "@0", "diagonal": 0})

    def where(self, condition: Value, inside: float, outside: float, word: str) -> Value:
        given: Given = {"condition": "@0", "self": inside, "other": outside}
        return self.add("aten.where.ScalarOther", (condition,), condition.shape, word, given)

    def viewed(self, value: Value, shape: tuple[Size, ...]) -> Value:
        if value.shape == shape:
            return value
        word = self.words[value.name]
        given: Given = {"self": "@0", "size": shape}
        return self.add("aten.view.default", (value,), shape, word, given)

    def expanded(self, value: Value, shape: tuple[Size, ...]) -> Value:
        if value.shape == shape:
            return value
        given: Given = {"self": "@0", "size": shape, "implicit": False}
        word = self.words[value.name]
        return self.add("aten.expand.default", (value,), shape, word, given)

    def add(
        self,
        function: str,
        inputs: tuple[Value, ...],
        shape: tuple[Size, ...],
        word: str,
        given: Given,
    ) -> Value:
        """A step, with its sizes as capture writes them."""
        if not inputs:
            given = {**given, "dtype": word, "layout": None, "device": "cpu", "pin_memory": None}
        made = self.new(shape, word)
        self.words[made.name] = word
        attributes = tuple((name, _written(value)) for name, value in given.items())
        self.steps.append(
            replace(
                self.step, function=function, inputs=inputs, outputs=(made,), attributes=attributes
            )
        )
        return made


def _written(given: Attribute | tuple[Size, ...]) -> Attribute:
    if isinstance(given, tuple) and any(isinstance(size, str) for size in given):
        return f"$[{', '.join(map(str, given))}]"
    return given


def _line(found: Sequence[np.ndarray]) -> tuple[int, int] | None:
    """Start and step of whole numbers that count evenly, the same in each array."""
    longest = max(found, key=len)
    if len(longest) < 3 or not np.isfinite(longest).all():
        return None
    start, by = longest[0], longest[1] - longest[0]
    whole = float(start).is_integer() and float(by).is_integer() and by != 0
    even = all(np.array_equal(a, start + by * np.arange(len(a))) for a in found)
    return (int(start), int(by)) if whole and even else None


def _triangle(found: Sequence[np.ndarray]) -> tuple[float, float] | None:
    """The two numbers of arrays that have one on and below the diagonal and another above it."""
    largest = max(found, key=len)
    if len(largest) < 3:
        return None
    inside, outside = largest[0, 0].item(), largest[0, -1].item()
    if math.isnan(float(inside)) or math.isnan(float(outside)) or inside == outside:
        return None
    same = all(
        np.array_equal(a, np.where(np.tri(len(a), dtype=bool), inside, outside)) for a in found
    )
    return (inside, outside) if same else None
