"""Pictures made larger or smaller: `x` is [B, channels, ...], and `size` says how long each axis
after the channels is to be.

Each number is read at its own place of `x`: the nearest number, or a mean with weights of 2 or 4
neighbours along each axis. What has weights is a product of matrices, an axis after the other.

Sources: the page of torch.nn.Upsample; Keys, Cubic Convolution Interpolation for Digital Image
Processing (1981), with PyTorch's a = -0.75; for where a place is, UpSample.h.
"""

import numpy as np

from backhand.rules.register import example, register, uniform

FLAT_X = uniform(-3, 3, (2, 3, 4))
X = uniform(-3, 3, (2, 3, 4, 3))
DEEP_X = uniform(-3, 3, (1, 2, 2, 3, 4))


def along_axes(x, matrices):
    # one matrix [new length, old length] for each of the last axes
    for axis, matrix in enumerate(matrices, x.ndim - len(matrices)):
        x = np.moveaxis(np.moveaxis(x, axis, -1) @ matrix.T, -1, axis)
    return x


def nearest(length, count, half):
    # half: the middle of each new number decides, not its beginning
    places = ((2 * np.arange(count) + half) * length) // (2 * count)
    return places[:, None] == np.arange(length)


def upsample_nearest(x, *, size, half=0):
    for axis, count in enumerate(size, 2):
        x = np.take(x, nearest(x.shape[axis], count, half).argmax(axis=1), axis=axis)
    return x


def upsample_nearest_backward(dy, *, size, half=0, x_shape):
    chosen = [nearest(n, count, half) for n, count in zip(x_shape[2:], size, strict=True)]
    return along_axes(dy, [matrix.T.astype(dy.dtype) for matrix in chosen])


register(
    "upsample_nearest",
    upsample_nearest,
    upsample_nearest_backward,
    wrt="x",
    torch='F.interpolate(x, size, mode="nearest-exact" if half else "nearest")',
    examples=[
        example(x=FLAT_X, size=(8,)),
        example(x=X, size=(8, 6)),
        example(x=X, size=(6, 2), half=1),
        example(x=DEEP_X, size=(4, 6, 2)),
    ],
    in_formulas=False,
)


def read_places(length, count, align_corners):
    # align_corners: the outermost numbers stay outermost; else each stands for a piece of length
    if align_corners:
        return np.arange(count) * ((length - 1) / max(count - 1, 1))
    return (np.arange(count) + 0.5) * (length / count) - 0.5


def linear_weights(length, count, align_corners, dtype):
    at = np.clip(read_places(length, count, align_corners), 0, length - 1)
    return np.maximum(1 - np.abs(at[:, None] - np.arange(length)), 0).astype(dtype)


def upsample_linear(x, *, size, align_corners):
    counts = zip(x.shape[2:], size, strict=True)
    return along_axes(x, [linear_weights(*n, align_corners, x.dtype) for n in counts])


def upsample_linear_backward(dy, *, size, align_corners, x_shape):
    counts = zip(x_shape[2:], size, strict=True)
    return along_axes(dy, [linear_weights(*n, align_corners, dy.dtype).T for n in counts])


register(
    "upsample_linear",
    upsample_linear,
    upsample_linear_backward,
    wrt="x",
    torch='F.interpolate(x, size, mode=("linear", "bilinear", "trilinear")[x.ndim - 3], '
    "align_corners=align_corners)",
    examples=[
        example(x=FLAT_X, size=(8,), align_corners=False),
        example(x=X, size=(8, 6), align_corners=False),
        example(x=X, size=(7, 5), align_corners=True),
        example(x=X, size=(2, 3), align_corners=False),
        example(x=DEEP_X, size=(4, 6, 8), align_corners=False),
    ],
    in_formulas=False,
)


def cubic(distance):
    d = np.abs(distance)
    near = (1.25 * d - 2.25) * d * d + 1
    far = ((-0.75 * d + 3.75) * d - 6) * d + 3
    return np.where(d <= 1, near, np.where(d < 2, far, 0))


def cubic_weights(length, count, align_corners, dtype):
    # beyond its ends x goes on as it ends
    around = np.arange(-2, length + 2)
    stands_for = np.clip(around, 0, length - 1)[:, None] == np.arange(length)
    weights = cubic(read_places(length, count, align_corners)[:, None] - around)
    return (weights @ stands_for.astype(float)).astype(dtype)


def upsample_cubic(x, *, size, align_corners):
    counts = zip(x.shape[2:], size, strict=True)
    return along_axes(x, [cubic_weights(*n, align_corners, x.dtype) for n in counts])


def upsample_cubic_backward(dy, *, size, align_corners, x_shape):
    counts = zip(x_shape[2:], size, strict=True)
    return along_axes(dy, [cubic_weights(*n, align_corners, dy.dtype).T for n in counts])


register(
    "upsample_cubic",
    upsample_cubic,
    upsample_cubic_backward,
    wrt="x",
    torch='F.interpolate(x, size, mode="bicubic", align_corners=align_corners)',
    examples=[
        example(x=X, size=(8, 6), align_corners=False),
        example(x=X, size=(7, 5), align_corners=True),
        example(x=X, size=(2, 3), align_corners=False),
    ],
    in_formulas=False,
)
