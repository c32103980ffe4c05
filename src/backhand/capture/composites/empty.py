"""Results that hold no numbers: whatever makes them, they are zeros of that shape."""

from backhand.capture.composites.builder import Builder
from backhand.graph import NamedSize, Step, Value


def empty(step: Step) -> tuple[Step, ...] | None:
    """A step for each result, or None if one holds a number. Nothing has a derivative by them."""
    if not step.made() or not all(0 in value.shape for value in step.made()):
        return None
    builder = Builder(step)
    made = [
        value and builder.several(
            "zeros", shapes=[value.shape], wishes=[""], shape=_named(value), dtype=value.numbers
        )[0]
        for value in step.outputs
    ]  # fmt: skip
    return builder.finished(made)


def _named(value: Value) -> tuple[int | NamedSize, ...]:
    return tuple(NamedSize(size) if isinstance(size, str) else size for size in value.shape)
