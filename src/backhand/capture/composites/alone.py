"""Convolutions and pools of one example without a batch: a batch of one, taken apart again; and
those pools, with a batch or without, that say where their numbers were.
"""

from collections.abc import Callable, Sequence
from typing import Any

from backhand.capture.composites.builder import Builder, InexpressibleError
from backhand.graph import Attribute, Value

RENAMED = {"kernel_size": "kernel", "output_size": "size"}


def alone(axes: int, rule: str, without_bias: str = "") -> Callable[..., Sequence[Value | None]]:
    """A recipe for arrays [channels, ...] or [B, channels, ...] with so many axes at the end."""

    def recipe(b: Builder, **arguments: Any) -> Sequence[Value | None]:
        given = {RENAMED.get(name, name): a for name, a in arguments.items()}
        x, *weights = (a for a in given.values() if isinstance(a, Value))
        is_plain = "bias" in given and given["bias"] is None
        function = without_bias if is_plain else rule
        options = {name: _option(a) for name, a in given.items() if _is_option(name, a)}
        shapes = [result.shape if result else () for result in b.instead_of.outputs]
        wishes = ["", "indices"][: len(shapes)]
        if len(x.shape) == axes + 2:
            return b.several(function, x, *weights, shapes=shapes, wishes=wishes, **options)
        if len(x.shape) != axes + 1:
            raise InexpressibleError
        batch = b.step("unsqueeze", x, shape=(1, *x.shape), axis=0)
        whole = [(1, *shape) for shape in shapes]
        made = b.several(function, batch, *weights, shapes=whole, wishes=wishes, **options)
        return [
            result and b.step("squeeze", one, shape=result.shape, numbers=result.numbers, axis=0)
            for one, result in zip(made, b.instead_of.outputs, strict=True)
        ]

    return recipe


def _is_option(name: str, given: Any) -> bool:
    return name not in ("self", "input", "weight", "bias") and not isinstance(given, Value)


def _option(given: Attribute) -> Attribute:
    return None if given == () else given


ALONE = {
    **{f"aten.conv{n}d.default": alone(n, f"conv{n}d", "correlate") for n in (1, 2, 3)},
    **{f"aten.conv{n}d.padding": alone(n, f"conv{n}d", "correlate") for n in (1, 2, 3)},
    "aten.conv_transpose1d.default": alone(1, "conv_transpose1d", "transposed"),
    "aten.conv_transpose2d.input": alone(2, "conv_transpose2d", "transposed"),
    "aten.conv_transpose3d.input": alone(3, "conv_transpose3d", "transposed"),
    **{f"aten.max_pool{n}d.default": alone(n, f"max_pool{n}d") for n in (1, 2, 3)},
    **{f"aten.avg_pool{n}d.default": alone(n, f"avg_pool{n}d") for n in (1, 2, 3)},
    **{
        f"aten.adaptive_avg_pool{n}d.default": alone(n, f"adaptive_avg_pool{n}d") for n in (1, 2, 3)
    },
    **{f"aten.max_pool{n}d_with_indices.default": alone(n, "max_pool_indices") for n in (1, 2, 3)},
    **{
        f"aten.adaptive_max_pool{n}d.default": alone(n, "adaptive_max_pool_indices")
        for n in (1, 2, 3)
    },
}
