"""How far a rule may be from PyTorch: a number of roundings, of terms of a known size.

Both sides start from the same numbers, so they may part only by how each rounds. With u half a
unit in the last place (`eps`), Higham's *Accuracy and Stability of Numerical Algorithms* gives

- u for + - * / (correctly rounded; 0 apart where both do the same operations),
- (n - 1) u times the sum of the |terms| for a sum of n terms in whatever order (section 4.2),
- as stated by their authors, at most 4 ulp for exp, log, pow, tanh and their kin: NumPy's SIMD
  loops (< 4 in float32, < 1 in float64), and Sleef or MKL in PyTorch (< 1; Sleef's u20 exp < 2).

The two sides may err in opposite directions, so k roundings on each are k `eps` between them. A
term's size is the result itself where nothing cancels; where something does (1 - y * y for y near
1), it is what cancelled. Nothing here is fitted to what the rules happen to give.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812

Sizes = Callable[..., Any]


@dataclass(frozen=True)
class Bound:
    """`forward` and `backward` count roundings, less those of sums, which shapes tell.

    The two `of_` functions give the size of the terms, from the arrays of the forward, `y`, `dy`
    and the attributes, all by name and in float64; without one, the result's own size.
    `sums` and `sums_back` say which results are sums, and of how many terms.
    """

    forward: int
    backward: int
    of_forward: Sizes | None = None
    of_backward: Sizes | None = None
    sums: Callable[..., int] = lambda **_: 0
    sums_back: Callable[..., int] = lambda **_: 0


def _all(x: np.ndarray, **_: Any) -> int:
    return x.size


def _row(x: np.ndarray, **_: Any) -> int:
    return max(x.shape)


def _products(first: str, second: str) -> Callable[..., int]:
    """The longest sum in a matrix product or in one of its two derivatives."""
    return lambda **a: max(*a[first].shape, *a[second].shape) * max(1, a[first].ndim - 1) + 1


def _softmax(x: np.ndarray, axis: int = -1) -> np.ndarray:
    e = np.exp(x - x.max(axis, keepdims=True))
    return e / e.sum(axis, keepdims=True)


def _sigmoid(x: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-x))


def _log_softmax_terms(x: np.ndarray, axis: int = -1, **_: Any) -> np.ndarray:
    """x, its maximum and the logarithm of a sum of n numbers up to 1 are added up."""
    return abs(x) + abs(x).max(axis, keepdims=True) + np.log(x.shape[axis])


def _per(of: np.ndarray, reduction: str, count: int) -> np.ndarray:
    return of / (count if reduction == "mean" else 1)


def _absolute_matmul(a: np.ndarray, b: np.ndarray, dy: np.ndarray, **_: Any) -> Any:
    a, b, dy = abs(a), abs(b), abs(dy)
    return dy @ b.swapaxes(-1, -2), a.swapaxes(-1, -2) @ dy


def _absolute_affine(w_in_first: bool) -> Sizes:
    def sizes(x: np.ndarray, w: np.ndarray, dy: np.ndarray, **_: Any) -> Any:
        x, w, dy = abs(x), abs(w), abs(dy)
        dw = x.reshape(-1, x.shape[-1]).T @ dy.reshape(-1, dy.shape[-1])
        return (dy @ w.T, dw, dy) if w_in_first else (dy @ w, dw.T, dy)

    return sizes


def _norm_bound(axes_of: Callable[[int], tuple[int, ...]], centred: bool) -> Bound:
    """Roundings of y = g s + b, s = (x - mu) / r, where PyTorch may have x / r - mu / r instead.

    With m = mean |x| / r, the terms of that are z = |x| / r + m. mu is a sum of n, so s is off by
    n m, and r is by n (another sum) and by n m (what mu does to it), relative to itself. All in
    all n times z + |s| (1 + m), and a few roundings. The derivative has products of two such.
    """

    def parts(x: Any, eps: float) -> Any:
        axes = axes_of(x.ndim)
        middle = x.mean(axes, keepdims=True) if centred else np.zeros(())
        r = np.sqrt(((x - middle) ** 2).mean(axes, keepdims=True) + eps)
        m = abs(x).mean(axes, keepdims=True) / r
        s, z = abs(x - middle) / r, abs(x) / r + m
        return r, m, s, z, z + s * (1 + m)

    def forward(x: Any, g: Any, eps: float, b: Any = 0, **_: Any) -> Any:
        return abs(g) * parts(x, eps)[-1] + abs(b)

    def backward(dy: Any, x: Any, g: Any, eps: float, b: Any = None, **_: Any) -> Any:
        r, m, s, z, off = parts(x, eps)
        ds = abs(dy * g)

        def mean(of: Any) -> Any:
            return of.mean(axes_of(x.ndim), keepdims=True)

        dx = (ds + mean(ds) + (z + off) * mean(ds * z) + s * mean(ds * off)) * (1 + m) / r
        return (dx, abs(dy) * off) if b is None else (dx, abs(dy) * off, abs(dy))

    def along(x: Any, **_: Any) -> int:
        return int(np.prod([x.shape[a] for a in axes_of(x.ndim)]))

    return Bound(8, 16, forward, backward, along, lambda **a: 3 * along(**a))


def _convolution_bound(name: str) -> Bound:
    """A sum of products with the bias added, and its derivatives: PyTorch's own of all absolute
    values are the sums of the terms' sizes, since each is linear in each of its arguments."""

    def absolute(**a: Any) -> Any:
        x, w = (torch.tensor(abs(a[n]), requires_grad=True) for n in "xw")
        order = ("stride", "padding", *["output_padding"] * ("output_padding" in a))
        rest = ("groups", "dilation") if "output_padding" in a else ("dilation", "groups")
        options = [a[o] for o in (*order, *rest)]
        y = getattr(F, name)(x, w, torch.tensor(abs(a["b"])), *options)
        return x, w, y

    def forward(**a: Any) -> Any:
        return absolute(**a)[2].detach().numpy()

    def backward(dy: Any, **a: Any) -> Any:
        x, w, y = absolute(**a)
        dx, dw = torch.autograd.grad(y, [x, w], torch.tensor(abs(dy)))
        return dx.numpy(), dw.numpy(), abs(dy).sum((0, *range(2, dy.ndim)))

    def products(w: Any, **_: Any) -> int:
        return int(w.size // min(w.shape[:2]))

    def terms(dy: Any, x: Any, w: Any, **_: Any) -> int:
        return max(products(w), dy[:, 0].size, x[:, 0].size)

    return Bound(1, 0, forward, backward, products, terms)


def _averaged(pool: Sizes) -> Bound:
    """Sums of a window's numbers, or of the shares of the windows over one, divided once or twice:
    PyTorch divides by height and width one after the other where its windows are uneven."""

    def absolute(x: Any, **a: Any) -> Any:
        return pool(torch.tensor(abs(x)), **a).numpy()

    def shares(dy: Any, x: Any, **a: Any) -> Any:
        tensor = torch.tensor(x, requires_grad=True)
        grads = torch.autograd.grad(pool(tensor, **a), tensor, torch.tensor(abs(dy)))
        return tuple(g.numpy() for g in grads)

    def places(x: Any, **_: Any) -> int:
        return int(np.prod(x.shape[2:]))

    return Bound(2, 2, absolute, shares, places, places)


EXACT = Bound(0, 0)
"""Both sides do the same correctly rounded operations in the same order."""

BOUNDS: Mapping[str, Bound] = {
    "add": EXACT,
    "sub": EXACT,
    "mul": EXACT,
    "neg": EXACT,
    "relu": EXACT,
    "leaky_relu": EXACT,
    # backward: -dy y / b here, -dy ((a / b) / b) there: 3 roundings each
    "div": Bound(0, 3),
    # x ** 3 is two products in PyTorch, pow in NumPy; backward: a pow and two products
    "pow": Bound(4, 6),
    # da: a pow and two products; db: a pow, a log and two products
    "power": Bound(4, 10),
    "exp": Bound(4, 5),
    "log": Bound(4, 1),
    # PyTorch takes it from MKL's vector library: below 1 ulp, and often not the correctly rounded
    "sqrt": Bound(1, 2),
    "tanh": Bound(
        4,
        # 1 - y y: y is off by 4, so y y by 2 * 4 + 1; the difference and the product round
        11,
        of_backward=lambda dy, **_: (abs(dy),),
    ),
    # exp, sum, quotient; backward: y is off by 6, 1 - y therefore too, and two products
    "sigmoid": Bound(6, 14, of_backward=lambda dy, y, **_: (abs(dy) * y,)),
    "silu": Bound(
        7, 15, of_backward=lambda dy, x, **_: (abs(dy) * _sigmoid(x) * (1 + abs(x)),)
    ),
    # exp, then log1p, whose relative error in its argument never grows; backward a sigmoid
    "softplus": Bound(8, 7),
    # expm1 and a product; backward exp and two products
    "elu": Bound(5, 6),
    # 1 + erf cancels for x < 0, so what counts is x / 2; erf is off by 2 here and by 4 there
    "gelu": Bound(
        8,
        12,
        of_forward=lambda x, **_: abs(x),
        of_backward=lambda dy, x, **_: (abs(dy) * (1 + abs(x)),),
    ),
    # the same with tanh, whose argument is off by 4; backward has 1 - t t and the inner slope
    "gelu_tanh": Bound(
        8,
        16,
        of_forward=lambda x, **_: abs(x),
        of_backward=lambda dy, x, **_: (abs(dy) * (1 + abs(x) * (1 + 0.2 * x * x)),),
    ),
    "softmax": Bound(
        6,
        # y is off by 6 + n of its own size, and there are two products and a difference
        16,
        sums=_row,
        of_backward=lambda dy, y, axis, **_: (
            y * (abs(dy) + (abs(dy) * y).sum(axis, keepdims=True)),
        ),
        sums_back=lambda x, **_: 2 * max(x.shape),
    ),
    "log_softmax": Bound(
        8,
        # exp(y): y's own error, of the size of its terms, becomes a relative one
        14,
        of_forward=_log_softmax_terms,
        sums=_row,
        of_backward=lambda dy, x, y, axis, **_: (
            abs(dy)
            + np.exp(y)
            * (1 + _log_softmax_terms(x, axis))
            * abs(dy).sum(axis, keepdims=True),
        ),
        sums_back=lambda x, **_: 2 * max(x.shape),
    ),
    "sum": Bound(
        0, 0, of_forward=lambda x, axis, keepdims, **_: abs(x).sum(axis, keepdims=keepdims),
        sums=_all,
    ),
    "mean": Bound(
        1, 1, of_forward=lambda x, axis, keepdims, **_: abs(x).mean(axis, keepdims=keepdims),
        sums=_all,
    ),
    # backward: shared among equal maxima, one quotient
    "max": Bound(0, 1),
    "layer_norm": _norm_bound(lambda rank: (-1,), True),
    "rms_norm": _norm_bound(lambda rank: (-1,), False),
    "batch_norm": _norm_bound(lambda rank: tuple(range(rank - 1)), True),
    "matmul": Bound(
        0, 0,
        of_forward=lambda a, b, **_: abs(a) @ abs(b), sums=_products("a", "b"),
        of_backward=_absolute_matmul, sums_back=_products("a", "b"),
    ),
    "affine": Bound(
        1, 0,
        of_forward=lambda x, w, b, **_: abs(x) @ abs(w) + abs(b), sums=_products("x", "w"),
        of_backward=_absolute_affine(True), sums_back=_products("x", "w"),
    ),
    "linear": Bound(
        1, 0,
        of_forward=lambda x, w, b, **_: abs(x) @ abs(w).T + abs(b), sums=_products("x", "w"),
        of_backward=_absolute_affine(False), sums_back=_products("x", "w"),
    ),
    "linear_no_bias": Bound(
        0, 0,
        of_forward=lambda x, w, **_: abs(x) @ abs(w).T, sums=_products("x", "w"),
        of_backward=lambda **a: _absolute_affine(False)(**a)[:2], sums_back=_products("x", "w"),
    ),
    "conv1d": _convolution_bound("conv1d"),
    "conv2d": _convolution_bound("conv2d"),
    "conv_transpose1d": _convolution_bound("conv_transpose1d"),
    "conv_transpose2d": _convolution_bound("conv_transpose2d"),
    **dict.fromkeys(("max_pool1d", "max_pool2d", "flatten", "swapaxes", "pad"), EXACT),
    **dict.fromkeys(("adaptive_max_pool1d", "adaptive_max_pool2d"), EXACT),
    "avg_pool1d": _averaged(lambda x, **a: F.avg_pool1d(
        x, a["kernel"], a["stride"], a["padding"], a["ceil_mode"], a["count_include_pad"])),
    "avg_pool2d": _averaged(lambda x, **a: F.avg_pool2d(
        x, a["kernel"], a["stride"], a["padding"], a["ceil_mode"], a["count_include_pad"],
        a["divisor_override"])),
    "adaptive_avg_pool1d": _averaged(lambda x, size, **_: F.adaptive_avg_pool1d(x, size)),
    "adaptive_avg_pool2d": _averaged(lambda x, size, **_: F.adaptive_avg_pool2d(x, size)),
    # a log, a product, the quotient; all terms have one sign
    "cross_entropy": Bound(
        6, 4,
        of_forward=lambda p, y, reduction, **_: _per(
            (y * abs(np.log(p))).sum(), reduction, len(p)),
        sums=lambda p, **_: p.size,
    ),
    "cross_entropy_logits": Bound(
        10, 14,
        of_forward=lambda z, y, reduction, **_: _per(
            (y * _log_softmax_terms(z)).sum(), reduction, len(z)),
        sums=lambda z, **_: z.size,
        of_backward=lambda dy, z, y, reduction, **_: (
            _per(abs(dy) * (_softmax(z) * (1 + _log_softmax_terms(z))
                 * y.sum(-1, keepdims=True) + y), reduction, len(z)),),
        sums_back=lambda z, **_: 2 * z.shape[-1],
    ),
    "mse": Bound(4, 4, sums=lambda p, **_: p.size),
    "bce": Bound(
        8, 7,
        of_forward=lambda p, y, reduction, **_: _per(
            (y * abs(np.log(p)) + (1 - y) * abs(np.log1p(-p))).sum(), reduction, p.size),
        sums=lambda p, **_: p.size,
    ),
    "bce_logits": Bound(
        12, 12,
        of_forward=lambda z, y, reduction, **_: _per(
            (abs(z) * (1 + y) + np.log1p(np.exp(-abs(z)))).sum(), reduction, z.size),
        sums=lambda z, **_: z.size,
        of_backward=lambda dy, z, y, reduction, **_: (
            _per(abs(dy) * (_sigmoid(z) + y), reduction, z.size),),
    ),
}  # fmt: skip
