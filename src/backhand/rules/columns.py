"""Windows of an image as columns of a matrix, and columns added up to an image again.

`x` is [B, C, height, width] or one image without a batch; options are pairs for height and width.
Each of the two is the derivative of the other. Source: the pages of torch.nn.Unfold and
torch.nn.Fold.
"""

from backhand.rules.convolution import edges, padded, put_back, windows
from backhand.rules.register import example, register, uniform

IMAGES = uniform(-3, 3, (2, 3, 5, 6))
UNEVEN = {"kernel": (2, 3), "dilation": (2, 1), "padding": (1, 2), "stride": (1, 2)}
PLAIN = {"kernel": (3, 2), "dilation": (1, 1), "padding": (0, 0), "stride": (2, 1)}


def im2col(x, *, kernel, dilation, padding, stride):
    images = x.reshape(-1, *x.shape[-3:])
    seen = windows(padded(images, edges(padding, kernel, dilation)), kernel, stride, dilation)
    _, channels, height, width, rows, columns = seen.shape
    return seen.reshape(*x.shape[:-3], channels * height * width, rows * columns)


def col2im(x, *, size, kernel, dilation, padding, stride):
    (height, width), (top, left), (rows, columns) = kernel, padding, size
    channels = x.shape[-2] // (height * width)
    wide = rows + 2 * top, columns + 2 * left
    places = [
        (n - gap * (length - 1) - 1) // step + 1
        for n, gap, length, step in zip(wide, dilation, kernel, stride, strict=True)
    ]
    parts = x.reshape(-1, channels, *kernel, *places)
    y = put_back(parts, wide, stride, dilation)
    y = y[:, :, top : top + rows, left : left + columns]
    return y.reshape(*x.shape[:-2], channels, rows, columns)


def im2col_backward(dy, *, kernel, dilation, padding, stride, x_shape):
    return col2im(
        dy, size=x_shape[-2:], kernel=kernel, dilation=dilation, padding=padding, stride=stride
    )


def col2im_backward(dy, *, kernel, dilation, padding, stride):
    return im2col(dy, kernel=kernel, dilation=dilation, padding=padding, stride=stride)


register(
    "im2col",
    im2col,
    im2col_backward,
    wrt="x",
    torch="F.unfold(x, kernel, dilation, padding, stride)",
    examples=[
        example(x=IMAGES, **PLAIN),
        example(x=IMAGES, **UNEVEN),
        example(x=uniform(-3, 3, (2, 4, 4)), **PLAIN),
    ],
    aten="im2col.default(x, kernel, dilation, padding, stride)",
    in_formulas=False,
)

register(
    "col2im",
    col2im,
    col2im_backward,
    wrt="x",
    torch="F.fold(x, size, kernel, dilation, padding, stride)",
    examples=[
        example(x=uniform(-3, 3, (2, 18, 10)), size=(5, 6), **PLAIN),
        example(x=uniform(-3, 3, (2, 6, 20)), size=(5, 6), **UNEVEN),
        example(x=uniform(-3, 3, (6, 10)), size=(5, 6), **PLAIN),
    ],
    aten="col2im.default(x, size, kernel, dilation, padding, stride)",
    in_formulas=False,
)
