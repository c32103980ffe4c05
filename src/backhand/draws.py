"""PyTorch's CPU random generator, in NumPy: same seed, same bits.

Each function draws what PyTorch draws on the CPU after `torch.manual_seed(seed)`, in row-major
order, and leaves the generator where PyTorch leaves its own. Only `normal` in float32 is close
instead of equal. `generator` and `dropout_mask` are copied into written programs as they stand
here, so they use nothing but `np`.

The dtypes are float32 and float64. A uniform number is made of the low 24 or 53 bits of the next
32 or 64: RandomState.randint masks its bits for a power of two, which gives exactly those.

Whose masks these are: PyTorch's since 2.7, on every CPU. Up to 2.6 its x86 builds drew dropout
from an MKL stream, seeded by one number of this generator (`bernoulli_scalar_kernel` in
DistributionKernels.cpp; switched off by pytorch/pytorch#146174 and kept for Meta's own builds).

In which order: dropout and uniform_ walk a dense tensor as it lies in memory, so a transposed
tensor is drawn as its untransposed self: draw that shape, then transpose. Anything with gaps or
repeats (a slice, an expanded tensor) is drawn in row-major order, as here.

Sources, PyTorch 2.13: aten/src/ATen/core/MT19937RNGEngine.h, TransformationHelper.h and
DistributionsHelper.h; ATen/native/Dropout.cpp; ATen/native/cpu/DistributionTemplates.h;
torch/nn/init.py.
"""

from types import ModuleType

import numpy as np

Drawing = np.random.RandomState | ModuleType
"""What draws: a generator, or `np.random` itself, which has one of its own."""


def generator(seed: int) -> np.random.RandomState:
    """The Mersenne Twister as torch.manual_seed(seed) starts it, from the seed's low 32 bits."""
    return np.random.RandomState(seed & 0xFFFFFFFF)


def dropout_mask(
    generator: np.random.RandomState | None,
    shape: tuple[int, ...],
    rate: float,
    dtype: type | np.dtype,
) -> np.ndarray:
    """0 where dropped, 1 / (1 - rate) where kept, as PyTorch draws it; no generator, no dropout."""
    if generator is None or rate == 0:
        return np.ones(shape, dtype)
    if rate == 1:
        return np.zeros(shape, dtype)
    # A 53-bit fraction below 1 - rate is kept; whole numbers compare faster and as exactly.
    kept = generator.randint(2**53, size=shape, dtype=np.int64) < int((1 - rate) * 2**53)
    return kept.astype(dtype) / (1 - rate)


def uniform(
    generator: Drawing,
    shape: tuple[int, ...],
    low: float,
    high: float,
    dtype: type | np.dtype,
) -> np.ndarray:
    """torch.empty(shape, dtype).uniform_(low, high), bit for bit.

    On CPUs with a fused multiply-add (x86 with AVX2, ARM): without one PyTorch's own kernel
    rounds twice and gives other last bits.
    """
    kind = np.dtype(dtype)
    digits = np.finfo(kind).nmant + 1
    fraction = generator.randint(2**digits, size=shape, dtype=np.int64) / 2**digits
    first, last = kind.type(low), kind.type(high)
    drawn = fused(fraction, float(last - first), float(first), kind)
    # `high` itself is excluded; where rounding reaches it, PyTorch gives `low` instead.
    return np.where(drawn == last, first, drawn)


def normal(
    generator: Drawing,
    shape: tuple[int, ...],
    mean: float,
    std: float,
    dtype: type | np.dtype,
) -> np.ndarray:
    """torch.empty(shape, dtype).normal_(mean, std), of a tensor that lies dense and row-major.

    Bit for bit in float64, and in float32 below 16 elements. From 16 elements on, float32 is
    close only: PyTorch evaluates log, sin and cos there with the polynomials of avx_mathfun.h,
    which these correctly rounded ones miss in 1 number of 6, by at most 5 units in the last
    place of the draw before std and mean are applied (measured: 64 million draws, AVX2). Without
    AVX2 PyTorch rounds the angle otherwise too: then up to 3e-6 std (measured: 4 million).
    """
    kind = np.dtype(dtype)
    size = int(np.prod(shape))
    if size < 16:
        values = few_normals(generator, size)
    else:
        values = many_normals(generator, size, kind)
        mean, std = float(kind.type(mean)), float(kind.type(std))
    return fused(values, std, mean, values.dtype).astype(kind).reshape(shape)


def few_normals(generator: Drawing, size: int) -> np.ndarray:
    """[size] standard normals in float64: what PyTorch draws for fewer than 16 elements.

    They come in pairs. An odd one out waits in the generator for the next call, in PyTorch as
    here: RandomState has a slot for it (`gauss`), which nothing else of this module touches.
    """
    state = generator.get_state(legacy=False)
    spare = [state["gauss"]] if state["has_gauss"] else []
    pairs = (size - len(spare) + 1) // 2
    turn, depth = (generator.randint(2**53, size=(pairs, 2), dtype=np.int64) / 2**53).T
    radius = np.sqrt(-2 * libm("log1p", -depth))
    values = np.concatenate([spare, on_circle(radius, 2 * np.pi * turn)])
    left = values[size:]  # one or none
    state = generator.get_state(legacy=False)
    generator.set_state({**state, "has_gauss": left.size, "gauss": float(left.sum())})
    return values[:size]


def many_normals(generator: Drawing, size: int, dtype: np.dtype) -> np.ndarray:
    """[size] standard normals, size >= 16, by the Box-Muller transform on blocks of 16.

    A block is 8 radii and 8 angles. Where the blocks do not come out even, the last 16 numbers
    are drawn afresh, as PyTorch does it.
    """

    def box_muller(block: np.ndarray) -> np.ndarray:
        depth, turn = block.reshape(-1, 2, 8).swapaxes(0, 1)
        return on_circle(np.sqrt(-2 * libm("log", 1 - depth)), 2 * np.pi * turn)

    drawn = uniform(generator, (size,), 0, 1, dtype)
    values = box_muller(drawn[: size - size % 16])
    if size % 16 == 0:
        return values
    return np.concatenate([values[: size - 16], box_muller(uniform(generator, (16,), 0, 1, dtype))])


def on_circle(radius: np.ndarray, angle: np.ndarray) -> np.ndarray:
    """[n, ...] radii and angles to [n, 2, ...] coordinates, flat: all x of a row, then all y."""
    points = [radius * libm("cos", angle), radius * libm("sin", angle)]
    return np.stack(points, axis=1).ravel()


def libm(name: str, x: np.ndarray) -> np.ndarray:
    """log, log1p, sin or cos of the C library, in float64, rounded to x's dtype."""
    # PyTorch calls the C library; np.log and np.log1p may not, and then differ in the last bit.
    import math

    values: np.ndarray = np.vectorize(getattr(math, name), otypes=[x.dtype])(x)
    return values


def fused(x: np.ndarray, y: float, z: float, dtype: np.dtype) -> np.ndarray:
    """x * y + z of numbers of the dtype, rounded once: the multiply-add of PyTorch's kernels.

    Exact, but where a product under- or overflows. Sources: Dekker (1971) for the product;
    Boldo and Melquiond, Emulation of FMA and correctly rounded sums (2008).
    """
    x, splitter = x.astype(float), 2.0**27 + 1
    product = x * y
    # Halves of 26 bits multiply without error, so `rest` is what rounding took from the product.
    x1, y1 = x * splitter - (x * splitter - x), y * splitter - (y * splitter - y)
    x2, y2 = x - x1, y - y1
    rest = x2 * y2 - (product - x1 * y1 - x2 * y1 - x1 * y2)
    small, tiny = exact_sum(rest, z)
    total, lost = exact_sum(product, small)
    if dtype == np.float32:  # float64 holds the product: rest and tiny are 0
        return to_odd(total, lost).astype(dtype)
    nearest: np.ndarray = total + to_odd(*exact_sum(lost, tiny))
    return nearest


def exact_sum(a: np.ndarray, b: np.ndarray | float) -> tuple[np.ndarray, np.ndarray]:
    """a + b as rounded, and what the rounding lost (Knuth's TwoSum)."""
    total = a + b
    part = total - a
    return total, (a - (total - part)) + (b - part)


def to_odd(total: np.ndarray, lost: np.ndarray) -> np.ndarray:
    """The float64 neighbour of total + lost with an odd last bit, unless total is the sum itself.

    An odd last bit is never a tie, so a second rounding goes where a single one would have gone.
    """
    even = total.view(np.int64) % 2 == 0
    return np.where(even & (lost != 0), np.nextafter(total, np.copysign(np.inf, lost)), total)


def kaiming_uniform(
    generator: np.random.RandomState,
    shape: tuple[int, ...],
    fan_in: int,
    dtype: type | np.dtype,
    slope: float = 5**0.5,
) -> np.ndarray:
    """torch.nn.init.kaiming_uniform_(w, a=slope); the default slope is nn.Linear's, not init's.

    For nn.Linear draw shape [out, in] with fan_in = in, then its bias as `uniform` within
    1 / sqrt(fan_in). A weight kept as [in, out] is the transpose of what is drawn here.
    """
    bound = np.sqrt(3.0) * (np.sqrt(2.0 / (1 + slope**2)) / np.sqrt(fan_in))
    return uniform(generator, shape, -bound, bound, dtype)


def kaiming_normal(
    generator: np.random.RandomState,
    shape: tuple[int, ...],
    fan_in: int,
    dtype: type | np.dtype,
    slope: float = 0.0,
) -> np.ndarray:
    """torch.nn.init.kaiming_normal_(w, a=slope), as exact as `normal`."""
    std = np.sqrt(2.0 / (1 + slope**2)) / np.sqrt(fan_in)
    return normal(generator, shape, 0.0, std, dtype)


def xavier_uniform(
    generator: np.random.RandomState,
    shape: tuple[int, ...],
    fan_in: int,
    fan_out: int,
    dtype: type | np.dtype,
) -> np.ndarray:
    """torch.nn.init.xavier_uniform_(w), with its default gain of 1."""
    bound = np.sqrt(3.0) * np.sqrt(2.0 / (fan_in + fan_out))
    return uniform(generator, shape, -bound, bound, dtype)


def xavier_normal(
    generator: np.random.RandomState,
    shape: tuple[int, ...],
    fan_in: int,
    fan_out: int,
    dtype: type | np.dtype,
) -> np.ndarray:
    """torch.nn.init.xavier_normal_(w), with its default gain of 1, as exact as `normal`."""
    return normal(generator, shape, 0.0, np.sqrt(2.0 / (fan_in + fan_out)), dtype)
