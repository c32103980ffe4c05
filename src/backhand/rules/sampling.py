"""Pictures read between their pixels: `x` is [B, channels, height, width], and `grid` [B, h, w, 2]
says where, from -1 at the left and the top to 1 at the right and the bottom.

Each number is the mean of the four pixels around its place, weighted by how near they are. Sources:
the page of torch's grid_sample; Jaderberg et al., Spatial Transformer Networks (2015); for the
derivative at the border, GridSampler.h.
"""

import numpy as np

from backhand.rules.register import example, register, uniform

X = uniform(-3, 3, (2, 3, 4, 5))
GRID = uniform(-1.4, 1.4, (2, 3, 4, 2))


def grid_places(grid, shape, corners):
    # where in x each number stands, in pixels, and by how much that moves with the grid
    size = np.array(shape[:1:-1], grid.dtype)  # width, height
    slope = (size - corners) / 2
    return (grid + 1) * slope - (1 - corners) / 2, slope


def pixel_before(place, count):
    # the last pixel that is not beyond each place; -2 and `count` stand for all that are outside
    return (place[..., None] >= np.arange(-1, count + 1)).sum(axis=-1) - 2


def grid_neighbours(place, shape, border):
    # for each of the four pixels around a place: which it is, its weight, how that moves with x, y
    last = np.array(shape[:1:-1]) - 1
    first = np.stack([pixel_before(place[..., i], shape[3 - i]) for i in (0, 1)], axis=-1)
    far = place - first.astype(place.dtype)
    for step in np.indices((2, 2)).reshape(2, 4).T:
        pixel = first + step
        # beyond the border all pixels are as those at it, or all are 0
        seen = bool(border) | ((pixel >= 0) & (pixel <= last)).all(axis=-1, keepdims=True)
        near = np.where(step, far, 1 - far)
        moved = np.where(step, near[..., ::-1], -near[..., ::-1])
        column, row = np.moveaxis(np.clip(pixel, 0, last), -1, 0)
        where = np.arange(shape[0])[:, None, None], row, column
        yield where, seen * near.prod(axis=-1, keepdims=True), seen * moved


def grid_sample(x, grid, *, corners, border):
    place, _ = grid_places(grid, x.shape, corners)
    pixels = np.moveaxis(x, 1, -1)
    four = [weight * pixels[i] for i, weight, _ in grid_neighbours(place, x.shape, border)]
    return np.moveaxis(four[0] + four[1] + four[2] + four[3], -1, 1)


def grid_sample_backward(dy, x, grid, *, corners, border):
    place, slope = grid_places(grid, x.shape, corners)
    pixels, dy = np.moveaxis(x, 1, -1), np.moveaxis(dy, 1, -1)
    dpixels, dplace = np.zeros_like(pixels), np.zeros_like(grid)
    for i, weight, moved in grid_neighbours(place, x.shape, border):
        np.add.at(dpixels, i, weight * dy)
        dplace = dplace + moved * (dy * pixels[i]).sum(axis=-1, keepdims=True)
    return np.moveaxis(dpixels, -1, 1), dplace * slope


register(
    "grid_sample",
    grid_sample,
    grid_sample_backward,
    wrt=("x", "grid"),
    torch='F.grid_sample(x, grid, padding_mode="border" if border else "zeros", '
    "align_corners=bool(corners))",
    noun="sampled",
    examples=[
        example(x=X, grid=GRID, corners=corners, border=border)
        for corners in (0, 1)
        for border in (0, 1)
    ],
    in_formulas=False,
)


def pixel_places(height, width, corners, dtype):
    # (x, y, 1) for each pixel: [height, width, 3]
    rows, columns = ((2 * np.arange(n) + 1 - corners) / (n - corners) - 1 for n in (height, width))
    x, y = np.meshgrid(columns, rows)
    return np.stack((x, y, np.ones_like(x)), axis=-1).astype(dtype)


def affine_grid(theta, *, height, width, corners):
    return pixel_places(height, width, corners, theta.dtype) @ theta[:, None].swapaxes(-1, -2)


def affine_grid_backward(dy, *, height, width, corners):
    return (dy.swapaxes(-1, -2) @ pixel_places(height, width, corners, dy.dtype)).sum(axis=1)


register(
    "affine_grid",
    affine_grid,
    affine_grid_backward,
    wrt=("theta",),
    torch="F.affine_grid(theta, (len(theta), 1, height, width), align_corners=bool(corners))",
    noun="grid",
    examples=[
        example(theta=uniform(-1, 1, (2, 2, 3)), height=3, width=4, corners=corners)
        for corners in (0, 1)
    ],
    in_formulas=False,
)
