"""Operators that give an array another shape, or its axes another order, and change no number.

A shape that nobody gives, such as that of `squeeze`, is the one that PyTorch's graph tells of the
result. Source: the pages of torch with these names.
"""

import numpy as np

from backhand.rules.register import example, register, uniform

X = uniform(-3, 3, (2, 3, 4))
IMAGES = uniform(-3, 3, (2, 4, 6, 4))


def reshape(x, *, shape):
    return x.reshape(shape)


def reshape_backward(dy, *, x_shape):
    return dy.reshape(x_shape)


register(
    "reshape",
    reshape,
    reshape_backward,
    wrt="x",
    torch="torch.reshape(x, shape)",
    examples=[
        example(x=X, shape=(3, 2, 2, 2)),
        example(x=X, shape=(-1, 4)),
        example(x=X, shape=(24,)),
        example(x=uniform(-3, 3, ()), shape=(1, 1)),
        example(x=uniform(-3, 3, (1,)), shape=()),
    ],
    aten=[
        "view.default(x, shape)",
        "_unsafe_view.default(x, shape)",
        "reshape.default(x, shape)",
        "view_copy.default(x, shape)",
        "view_as.default(x, _)",
        "reshape_as.default(x, _)",
        "flatten.using_ints(x, _, _)",
        "unflatten.int(x, _, _)",
        "ravel.default(x)",
        "squeeze.default(x)",
        "squeeze.dims(x, _)",
        "squeeze_copy.default(x)",
        "squeeze_copy.dim(x, _)",
        "squeeze_copy.dims(x, _)",
        "atleast_1d.default(x)",
        "atleast_2d.default(x)",
        "atleast_3d.default(x)",
        "unfold.default(x, _, 1, _)",
        "unfold_copy.default(x, _, 1, _)",
        "transpose.int(x, 0, 0)",
        "transpose_copy.int(x, 0, 0)",
    ],
    in_formulas=False,
)


def permute(x, *, axes):
    return x.transpose(axes)


def permute_backward(dy, *, axes):
    return dy.transpose(np.argsort(np.mod(axes, dy.ndim)))


register(
    "permute",
    permute,
    permute_backward,
    wrt="x",
    torch="torch.permute(x, axes)",
    examples=[
        example(x=X, axes=(2, 0, 1)),
        example(x=X, axes=(0, -1, 1)),
        example(x=IMAGES, axes=(0, 2, 3, 1)),
    ],
    aten=["permute.default(x, axes)", "permute_copy.default(x, axes)"],
    in_formulas=False,
)


def transpose(x):
    return x.T


def transpose_backward(dy):
    return dy.T


register(
    "transpose",
    transpose,
    transpose_backward,
    wrt="x",
    torch="torch.t(x)",
    examples=[example(x=uniform(-3, 3, (3, 4))), example(x=uniform(-3, 3, (5,)))],
    aten=["t.default(x)", "t_copy.default(x)", "numpy_T.default(x)", "matrix_H.default(x)"],
    in_formulas=False,
)


def moveaxis(x, *, source, destination):
    return np.moveaxis(x, source, destination)


def moveaxis_backward(dy, *, source, destination):
    return np.moveaxis(dy, destination, source)


register(
    "moveaxis",
    moveaxis,
    moveaxis_backward,
    wrt="x",
    torch="torch.movedim(x, source, destination)",
    examples=[
        example(x=X, source=0, destination=2),
        example(x=X, source=-1, destination=0),
        example(x=IMAGES, source=(1, 2), destination=(3, 0)),
    ],
    aten=[
        "movedim.int(x, source, destination)",
        "movedim.intlist(x, source, destination)",
        "moveaxis.int(x, source, destination)",
        "moveaxis.intlist(x, source, destination)",
    ],
    in_formulas=False,
)


def unsqueeze(x, *, axis):
    return np.expand_dims(x, axis)


def unsqueeze_backward(dy, *, axis):
    return dy.squeeze(axis)


register(
    "unsqueeze",
    unsqueeze,
    unsqueeze_backward,
    wrt="x",
    torch="torch.unsqueeze(x, axis)",
    examples=[example(x=X, axis=1), example(x=X, axis=-1), example(x=X, axis=-2)],
    aten=["unsqueeze.default(x, axis)", "unsqueeze_copy.default(x, axis)"],
    in_formulas=False,
)


def squeeze(x, *, axis):
    return x.squeeze(axis)


def squeeze_backward(dy, *, axis):
    return np.expand_dims(dy, axis)


register(
    "squeeze",
    squeeze,
    squeeze_backward,
    wrt="x",
    torch="torch.squeeze(x, axis)",
    examples=[
        example(x=uniform(-3, 3, (2, 1, 3)), axis=1),
        example(x=uniform(-3, 3, (2, 1)), axis=-1),
    ],
    aten=["squeeze.dim(x, axis)", "squeeze.dims(x, [axis])"],
    in_formulas=False,
)


def broadcast_to(x, *, shape):
    return np.broadcast_to(x, shape)


def broadcast_to_backward(dy):
    return dy


register(
    "broadcast_to",
    broadcast_to,
    broadcast_to_backward,
    wrt="x",
    torch="torch.broadcast_to(x, shape)",
    examples=[
        example(x=uniform(-3, 3, (3, 1)), shape=(2, 3, 4)),
        example(x=uniform(-3, 3, (1, 3)), shape=(4, 3)),
    ],
    aten=[
        "expand.default(x, _, implicit=_)",
        "expand_copy.default(x, _, implicit=_)",
        "expand_as.default(x, _)",
        "broadcast_to.default(x, _)",
    ],
    in_formulas=False,
)


def flip(x, *, axes):
    return np.flip(x, axes)


def flip_backward(dy, *, axes):
    return np.flip(dy, axes)


register(
    "flip",
    flip,
    flip_backward,
    wrt="x",
    torch="torch.flip(x, axes)",
    examples=[example(x=X, axes=(1,)), example(x=X, axes=(0, -1))],
    aten="flip.default(x, axes)",
    in_formulas=False,
)


def fliplr(x):
    return np.fliplr(x)


def fliplr_backward(dy):
    return np.fliplr(dy)


register(
    "fliplr",
    fliplr,
    fliplr_backward,
    wrt="x",
    torch="torch.fliplr(x)",
    examples=[example(x=X)],
    aten="fliplr.default(x)",
    in_formulas=False,
)


def flipud(x):
    return np.flipud(x)


def flipud_backward(dy):
    return np.flipud(dy)


register(
    "flipud",
    flipud,
    flipud_backward,
    wrt="x",
    torch="torch.flipud(x)",
    examples=[example(x=X)],
    aten="flipud.default(x)",
    in_formulas=False,
)


def roll(x, *, shift, axis=None):
    return np.roll(x, shift, axis)


def roll_backward(dy, *, shift, axis=None):
    return np.roll(dy, np.negative(shift), axis)


register(
    "roll",
    roll,
    roll_backward,
    wrt="x",
    torch="torch.roll(x, shift, axis)",
    examples=[
        example(x=X, shift=2),
        example(x=X, shift=1, axis=1),
        example(x=X, shift=(-1, 5), axis=(0, -1)),
    ],
    aten=[
        "roll.default(x, [shift], [axis])",
        "roll.default(x, [shift], [])",
        "roll.default(x, shift, axis)",
    ],
    in_formulas=False,
)


def rot90(x, *, times=1, axes=(0, 1)):
    return np.rot90(x, times, axes)


def rot90_backward(dy, *, times=1, axes=(0, 1)):
    return np.rot90(dy, -times, axes)


register(
    "rot90",
    rot90,
    rot90_backward,
    wrt="x",
    torch="torch.rot90(x, times, axes)",
    examples=[
        example(x=X),
        example(x=X, times=-1, axes=(1, 2)),
        example(x=X, times=2, axes=(2, 0)),
    ],
    aten="rot90.default(x, times, axes)",
    in_formulas=False,
)


def pixel_shuffle(x, *, factor):
    # each pixel's channels become a block of factor x factor pixels
    *batch, channels, height, width = x.shape
    channels = channels // factor**2
    blocks = x.reshape(*batch, channels, factor, factor, height, width)
    blocks = np.moveaxis(blocks, (-4, -3), (-3, -1))
    return blocks.reshape(*batch, channels, height * factor, width * factor)


def pixel_unshuffle(x, *, factor):
    # each block of factor x factor pixels becomes one pixel with as many times the channels
    *batch, channels, height, width = x.shape
    height, width = height // factor, width // factor
    blocks = x.reshape(*batch, channels, height, factor, width, factor)
    blocks = np.moveaxis(blocks, (-3, -1), (-4, -3))
    return blocks.reshape(*batch, channels * factor**2, height, width)


def pixel_shuffle_backward(dy, *, factor):
    return pixel_unshuffle(dy, factor=factor)


def pixel_unshuffle_backward(dy, *, factor):
    return pixel_shuffle(dy, factor=factor)


register(
    "pixel_shuffle",
    pixel_shuffle,
    pixel_shuffle_backward,
    wrt="x",
    torch="F.pixel_shuffle(x, factor)",
    examples=[example(x=IMAGES, factor=2), example(x=uniform(-3, 3, (9, 1, 2)), factor=3)],
    aten="pixel_shuffle.default(x, factor)",
    in_formulas=False,
)

register(
    "pixel_unshuffle",
    pixel_unshuffle,
    pixel_unshuffle_backward,
    wrt="x",
    torch="F.pixel_unshuffle(x, factor)",
    examples=[example(x=IMAGES, factor=2), example(x=uniform(-3, 3, (2, 3, 6)), factor=3)],
    aten="pixel_unshuffle.default(x, factor)",
    in_formulas=False,
)


def channel_shuffle(x, *, groups):
    # the channels of a group are dealt out among all
    grouped = x.reshape(len(x), groups, -1, *x.shape[2:])
    return grouped.swapaxes(1, 2).reshape(x.shape)


def channel_shuffle_backward(dy, *, groups):
    grouped = dy.reshape(len(dy), -1, groups, *dy.shape[2:])
    return grouped.swapaxes(1, 2).reshape(dy.shape)


register(
    "channel_shuffle",
    channel_shuffle,
    channel_shuffle_backward,
    wrt="x",
    torch="F.channel_shuffle(x, groups)",
    examples=[example(x=IMAGES, groups=2), example(x=uniform(-3, 3, (2, 6, 3, 1)), groups=3)],
    aten=["channel_shuffle.default(x, groups)", "native_channel_shuffle.default(x, groups)"],
    in_formulas=False,
)
