"""Inputs at which a bound is hard to keep: each makes one part of some rule necessary."""

from collections.abc import Iterator

import numpy as np
from tests.rounding.programs import Made

Case = tuple[str, Made, dict[str, np.ndarray]]


def case(
    name: str, lines: str, dtype: str, errors: dict[str, object] | None = None, **leaves: object
) -> Case:
    """A program and its leaves; errors are relative to nothing: as they stand."""
    made = {k: np.array(v, dtype=dtype) for k, v in leaves.items()}
    off = {k: np.broadcast_to(np.array(e, dtype), made[k].shape) for k, e in (errors or {}).items()}
    return name, Made(made, tuple(lines.split("; "))), off


def worst_points(dtype: str) -> Iterator[Case]:
    """Where libraries are least exact, and numbers just above a power of two, where an ulp is
    largest beside the number."""
    points = {
        "exp": [0.0009765625, 0.001, 0.0313, 87.90206, -0.34662557, 0.6932, 1.3864, -20.1,
                -659.2252790280274, 1.9518904366127763],
        "exp2": [1e-3, 2.01, -3.98], "expm1": [0.3465736, 1.1e-3, 0.6933, -1e-5],
        "log": [0.70710677, 1.4142134, 2.7284, 7.4, 1.001, 0.9297394, 0.6426604],
        "log2": [2.02, 4.1, 1.001], "log10": [10.1, 101.0, 1.001],
        "log1p": [1.001e-3, 1.73, -0.29289323, -0.2930386],
        "tanh": [0.2513, 1.003e-3, -0.2352, 0.55],
        "sin": [0.2527, 0.5237, 3.14159, 1e4], "cos": [1.3182, 1.0472, 1.5707963, 1e4],
        "tan": [0.2513, 1.5707, -1.1, 1e4, 1e-3],
        "sqrt": [1.001, 4.01, 2.25, 1.0002], "reciprocal": [0.99, 0.2499, 3.0],
    }  # fmt: skip
    for name, x in points.items():
        yield case(f"worst points of {name}", f"v = xp.{name}(x)", dtype, x=x)
    yield case("worst powers", "v = x ** 1.5; w = x ** -0.5; q = x ** 2", dtype, x=[1.01, 2.6, 4.2])
    yield case("erf", "v = xp.erf(x)", dtype, x=[0.2254, 0.48, 1.001e-3, 0.9, 1.1, 3.0])


def carried(dtype: str) -> Iterator[Case]:
    """Errors so large beside the numbers that the second order counts."""
    big = {"x": 0.4}
    for name in ("exp", "exp2", "expm1", "tanh", "sin", "cos", "erf", "square"):
        yield case(f"{name} of x +- 0.4", f"v = xp.{name}(x)", dtype, big, x=[1.0, -0.3, 0.05, 2.2])
    yield case("tanh at its bend", "v = xp.tanh(x)", dtype, {"x": 1}, x=[1.0, -1.5, 3.0])
    yield case("tan before its pole", "v = xp.tan(x)", dtype, {"x": [0.4, 0.05, 0.01, 0.3]},
               x=[0.3, 1.4, -1.55, -0.8])  # fmt: skip
    yield case("erf at its bend", "v = xp.erf(x)", dtype, {"x": 1}, x=[1.0, -1.5, 3.0])
    for name in ("log", "log2", "log10", "log1p", "sqrt", "reciprocal"):
        yield case(f"{name} of x +- 0.4", f"v = xp.{name}(x)", dtype, big, x=[1.0, 0.9, 5.0])
    yield case("log1p near -1", "v = xp.log1p(x)", dtype, {"x": 0.02}, x=[-0.9, 0.0])
    yield case("sqrt near 0", "v = xp.sqrt(abs(x)); w = abs(x) ** 0.3", dtype, big, x=[0, 0.1, 0.5])
    yield case("sqrt below 0", "v = xp.sqrt(x)", dtype, {"x": 0.4}, x=[0.1, 0.5, 0.0])
    yield case("sqrt of squares", "v = xp.sqrt(0.1 * x * x)", dtype, big, x=[0.0, 0.1, 3.0])
    for e in (0.3, 0.05):
        both = {"x": e, "y": 1.2 * e}
        for op in "+-*/":
            yield case(
                f"x {op} y", f"v = x {op} y", dtype, both, x=[1, -2, 0, 3], y=[1, 0.7, 3, -1]
            )
            yield case(f"x {op} exact", f"v = x {op} y", dtype, {"x": e}, x=[1, -2], y=[3, 0.7])
            yield case(f"exact {op} y", f"v = x {op} y", dtype, {"y": e}, x=[1, -2], y=[3, 0.7])
        yield case("x ** y", "v = x ** y", dtype, both, x=[1, 2.5, 0.8], y=[1.5, -2, 0.7])
        yield case("x ** 3", "v = x ** 3; w = x ** -1.5", dtype, {"x": e}, x=[1, 2.5, 0.8])
        yield case("logaddexp", "v = xp.logaddexp(x, y)", dtype, both, x=[1, -2, 0], y=[1, 0.7, -9])
        yield case("matmul", "v = x @ y", dtype, both, x=[[1, -2], [0, 1]], y=[[1, 3], [2, -1]])
        yield case("x exact @ y", "v = x @ y", dtype, {"y": e}, x=[[1, -2]], y=[[1, 3], [2, -1]])
        yield case("prod", "v = x.prod()", dtype, {"x": e}, x=[1, 2.5, -3])
        yield case("sums", "v = x.sum(); w = x.mean()", dtype, {"x": e}, x=[1, 2.5, -3])
        yield case("cumsum", "v = xp.cumsum(x, axis=0)", dtype, {"x": e}, x=[1, 2.5, -3])


def kinks(dtype: str) -> Iterator[Case]:
    """Decisions that rounding turns around."""
    near = {"x": 0.15, "y": 0.3}
    x, y = [0.1, -0.1, 0.3, -0.25, 1], [0.2, 0.1, -0.1, 0.1, 2]
    for line in ("xp.maximum(x, 0.0)", "xp.minimum(x, y)", "xp.maximum(x, y)", "x * (x > 0)",
                 "xp.where(x > 0, x + 7, 0.01 * x)", "xp.where(x > y, 3 * y, x - 5)", "abs(x)",
                 "(y > x) * (x + 3)", "xp.clip(x, -0.05, 0.15)", "xp.copysign(y, x)", "xp.sign(x)",
                 ):  # fmt: skip
        errors = {k: e for k, e in near.items() if k in line}
        yield case(line, f"v = {line}", dtype, errors, x=x, y=y)
    yield case("max of near ones", "v = x.max(); w = x.min()", dtype, {"x": [0.01, 0.5, 0.1, 0.3]},
               x=[1.0, 0.9, 0.3, -0.1])  # fmt: skip


def lengths(dtype: str) -> Iterator[Case]:
    """Sums and products of many: constants, whose rounding errors do not cancel."""
    for c in (0.1, 0.7, 1 / 3):
        yield case(f"sum of {c}", "v = x.sum(); w = x.mean()", dtype, x=[c] * 300)
        yield case(
            f"columns of {c}", "v = x.sum(axis=0, keepdims=True)", dtype, x=[[c, 2 * c]] * 300
        )
        yield case(f"matmul of {c}", "v = x @ y", dtype, x=[[c] * 300], y=[[c]] * 300)
        yield case(f"cumsum of {c}", "v = xp.cumsum(x, axis=0)", dtype, x=[c] * 100)
    yield case("sum of few", "v = x.sum(); w = x.mean(axis=0)", dtype,
               x=[[0.1, 0.0], [0.7, 0.0], [0.0, 0.3], [0.3, 0.0]] * 20)  # fmt: skip
    yield case("sum that cancels", "v = x.sum()", dtype, x=[1.0, 1e5, 0.1, -1e5, 0.3, 7e4, -7e4])
    yield case("prod", "v = x.prod()", dtype, x=[1.1, 0.9] * 60)
    yield case("mean of three", "v = x.mean()", dtype, x=[1.0, 2.0, 2.0])
    yield case("mean of one third", "v = x.mean(axis=0)", dtype, x=[[1.0, 1.5]] * 2 + [[2.0, 1.0]])
    yield case("unknown sum", "v = x.sum()", dtype, {"x": [1000] + [1] * 900}, x=[0.0] * 901)
    yield case("unknown matmul", "v = x @ y", dtype, {"x": 1}, x=[[0.0] * 500], y=[[1.0]] * 500)
    yield case("var", "v = x.var()", dtype, x=[100.0, 100.1, 99.9, 100.5] * 10)
    yield case("var 2", "v = x.var(axis=-1)", dtype, {"x": 0.1}, x=[[1.0, 2.0, 4.0]])


def extremes(dtype: str) -> Iterator[Case]:
    """Cancellation, denormals, overflow, exact zeros."""
    low = 1e-40 if dtype == "float32" else 3e-310
    root = 1e-20 if dtype == "float32" else 1e-155
    huge = 1e30 if dtype == "float32" else 1e300
    top = 3.4e38 if dtype == "float32" else 1.79e308
    yield case("cancellation", "v = x - y; w = v * 1e6; u = (x + 1e-3) - x", dtype,
               x=[1.0, 1e5, 0.1], y=[1.0000001, 1e5 + 0.01, 0.1])  # fmt: skip
    yield case("denormals", "v = x * 0.3; w = x / 3; u = x * y; t = x + x; s = x * 0.5", dtype,
               x=[low, 3.7 * low, -low], y=[0.11, 0.7, 1.3])  # fmt: skip
    yield case("products that vanish", "v = x * y; w = x @ y; u = x * x", dtype,
               x=[[root * 1e-3, 2 * root]] * 2, y=[[root, 0], [root / 3, root / 1e4]])  # fmt: skip
    # the first product is normal; the others lose a half of the smallest number, and whole ones
    # where they are added
    last, first = (-75, -63) if dtype == "float32" else (-537, -511)
    yield case("products that vanish beside one that does not", "v = x @ y", dtype,
               x=[[2.0**first] + [1.45 * 2.0**last] * 500],
               y=[[2.0 ** (first + 1)]] + [[2.0 ** (last + 1)]] * 500)  # fmt: skip
    yield case("rows that vanish", "v = x @ y", dtype, x=[[low] * 3], y=[[0.3]] * 3)
    yield case("powers that vanish", "v = x ** 2.1; w = x ** 3; u = x ** 2", dtype,
               x=[root, 0.9 * root, root * 1e5])  # fmt: skip
    yield case("mean of denormals", "v = x.mean()", dtype, x=[low, 2.3 * low, 1.1 * low])
    yield case("exp to denormals", "v = xp.exp(x)", dtype, x=[-90, -103.5, -709, -740, -745.1])
    yield case("huge", "v = x + y; w = x - y; u = x * 1e-30; t = x / y", dtype,
               x=[huge, -huge], y=[0.3 * huge, 1.1 * huge])  # fmt: skip
    yield case("overflow", "v = x + y; w = x * 1.5; u = x - y", dtype, {"y": top / 300},
               x=[top * 0.99, -top * 0.99], y=[top / 100, top / 200])  # fmt: skip
    yield case("zeros", "v = x * y; w = x + 0.1; u = x @ y.T; t = x.sum(); s = x / (y + 1)", dtype,
               x=[[0.0, 0.0]], y=[[1.5, -0.7]])  # fmt: skip
    yield case("softmax of far rows", "v = xp.exp(x - xp.amax(x, -1, keepdims=True)); "
               "w = v / v.sum(axis=-1, keepdims=True)", dtype,
               x=[[300.0, -300, 1], [5, 5, -80]])  # fmt: skip
    yield case("what does not exist", "v = 1 / x; w = xp.cos(v); u = xp.tanh(v); t = xp.sin(u); "
               "s = xp.sign(u); r = xp.copysign(x, u); q = xp.clip(t, -0.5, 0.5)", dtype,
               x=[0.0, 1.0])  # fmt: skip
    yield case("constants", "v = x * 0.1; w = x + 0.7; u = x / 0.3; t = 0.1 - x; s = x ** 0.1",
               dtype, x=[1.0, 0.75, 3.0])  # fmt: skip
    yield case("logs near 1", "v = xp.log(x); w = xp.log1p(x - 1); u = v * 1e4", dtype,
               x=[1.0, 1.000001, 0.9999])  # fmt: skip


def in_place(dtype: str) -> Iterator[Case]:
    """Views and writes: a bound that is not where its number is."""
    x = [[1.0, 2.0, 3.0], [0.3, 0.1, 0.7]]
    yield case("a write through a view", "y = x * 1; z = y[1:]; z *= 0.1; v = y + 0", dtype, x=x)
    yield case("a write into a part", "y = x * 1; y[0] = x[1] / 3; v = y * 1", dtype, x=x)
    yield case(
        "a write through a transpose", "y = x * 1; z = y.T; z[1] = 0.1; v = y * 1", dtype, x=x
    )
    yield case("updates", "x -= 0.1 * x; x += 0.3; x /= 3; v = x * 1", dtype, x=x)


def cases(dtype: str) -> list[Case]:
    """All of them."""
    kinds = (worst_points, carried, kinks, lengths, extremes, in_place)
    return [c for kind in kinds for c in kind(dtype)]
