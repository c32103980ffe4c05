"""Pictures read at places that are computed."""

from collections.abc import Callable, Mapping, Sequence

from backhand.capture.composites.builder import Builder, Given, InexpressibleError
from backhand.graph import Value

BILINEAR, PADDINGS = 0, (0, 1)
"""PyTorch's numbers for how to read between pixels, and for zeros and the border around them."""


def grid_sampler(
    b: Builder,
    *,
    input: Value,
    grid: Value,
    interpolation_mode: int,
    padding_mode: int,
    align_corners: bool,
) -> Sequence[Value]:
    """torch.nn.functional.grid_sample of pictures, by the mean of four neighbours."""
    if interpolation_mode != BILINEAR or padding_mode not in PADDINGS or len(input.shape) != 4:
        raise InexpressibleError
    shape = (*input.shape[:2], *grid.shape[1:3])
    corners = int(align_corners)
    return [b.step("grid_sample", input, grid, shape=shape, corners=corners, border=padding_mode)]


def affine_grid(b: Builder, *, theta: Value, size: Given, align_corners: bool) -> Sequence[Value]:
    """The place of each pixel of a picture, moved and turned."""
    if not isinstance(size, tuple) or len(size) != 4:
        raise InexpressibleError
    height, width = size[2:]
    if type(height) is not int or type(width) is not int:
        raise InexpressibleError
    shape = (theta.shape[0], height, width, 2)
    corners = int(align_corners)
    return [b.step("affine_grid", theta, shape=shape, height=height, width=width, corners=corners)]


SAMPLED: Mapping[str, Callable[..., Sequence[Value]]] = {
    "aten.grid_sampler.default": grid_sampler,
    "aten.affine_grid_generator.default": affine_grid,
}
