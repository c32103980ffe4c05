"""Pictures made larger or smaller: PyTorch is told a size or factors, our rules a size."""

from collections.abc import Callable, Sequence
from typing import Any

from backhand.capture.composites.builder import Builder, InexpressibleError
from backhand.graph import Attribute, Value


def upsampled(rule: str, **options: Attribute) -> Callable[..., Sequence[Value]]:
    """A recipe for one way to read between the numbers.

    Factors are as good as a size where they lead to it without a rest; else PyTorch reads at other
    places than the size says.
    """

    def recipe(
        b: Builder, *, input: Value, output_size: Any, scale_factors: Any, **more: Attribute
    ) -> Sequence[Value]:
        (made,) = b.instead_of.made()
        before, after = input.shape[2:], made.shape[2:]
        if scale_factors is not None:
            factors = [float(n) for n in str(scale_factors).strip("$[]()").split(",") if n]
            pairs = zip(before, after, factors, strict=True)
            if not all(type(n) is int and n * factor == count for n, count, factor in pairs):
                raise InexpressibleError
        if not all(type(n) is int for n in (*before, *after)):
            raise InexpressibleError
        return b.several(
            rule, input, shapes=[made.shape], wishes=[""], size=after, **options, **more
        )

    return recipe


RESIZED = {
    **{f"aten.upsample_nearest{n}d.vec": upsampled("upsample_nearest", half=0) for n in (1, 2, 3)},
    **{
        f"aten._upsample_nearest_exact{n}d.vec": upsampled("upsample_nearest", half=1)
        for n in (1, 2, 3)
    },
    "aten.upsample_linear1d.vec": upsampled("upsample_linear"),
    "aten.upsample_bilinear2d.vec": upsampled("upsample_linear"),
    "aten.upsample_trilinear3d.vec": upsampled("upsample_linear"),
    "aten.upsample_bicubic2d.vec": upsampled("upsample_cubic"),
}
