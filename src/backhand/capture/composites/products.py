"""Products with a sum, of many arrays, or by letters."""

from collections.abc import Callable, Mapping, Sequence
from string import ascii_letters

from backhand.capture.composites.builder import Builder, Given, InexpressibleError
from backhand.graph import Value


def addmv(
    b: Builder, *, self: Value, mat: Value, vec: Value, beta: float, alpha: float
) -> tuple[Value]:
    """torch.addmv."""
    product = b.step("matvec", mat, vec, shape=mat.shape[:1])
    return (_added(b, self, product, beta, alpha),)


def addbmm(
    b: Builder, *, self: Value, batch1: Value, batch2: Value, beta: float, alpha: float
) -> tuple[Value]:
    """torch.addbmm: the products of all pairs of matrices are added up."""
    products = b.matmul(batch1, batch2)
    total = b.step("sum", products, shape=products.shape[1:], axis=0, keepdims=False)
    return (_added(b, self, total, beta, alpha),)


def addr(
    b: Builder, *, self: Value, vec1: Value, vec2: Value, beta: float, alpha: float
) -> tuple[Value]:
    """torch.addr."""
    product = b.step("outer", vec1, vec2, shape=(*vec1.shape, *vec2.shape))
    return (_added(b, self, product, beta, alpha),)


def _added(b: Builder, x: Value, product: Value, beta: float, alpha: float) -> Value:
    """beta * x + alpha * product; PyTorch does not look at x where beta is 0."""
    if alpha != 1 or beta == 0:
        product = b.step("mul", product, alpha)
    if beta == 0:
        return product
    return b.step("add", x if beta == 1 else b.step("mul", x, beta), product)


def multiplied(b: Builder, *, tensors: Given = (), matrices: Given = ()) -> tuple[Value]:
    """torch.linalg.multi_dot and torch.chain_matmul, from left to right."""
    given = tensors or matrices
    first, *others = given if isinstance(given, tuple) else (given,)
    if not others or not isinstance(first, Value):
        raise InexpressibleError
    for other in others:
        assert isinstance(other, Value)
        first = matmul(b, first, other)
    return (first,)


def matmul(b: Builder, x: Value, y: Value) -> Value:
    """The product of two arrays, each a vector or a matrix."""
    if len(x.shape) == 1 and len(y.shape) == 1:
        return b.step("dot", x, y, shape=())
    if len(x.shape) == 1:
        return b.step("vecmat", x, y, shape=y.shape[1:])
    if len(y.shape) == 1:
        return b.step("matvec", x, y, shape=x.shape[:1])
    return b.matmul(x, y)


def inner(b: Builder, *, self: Value, other: Value) -> tuple[Value]:
    """torch.inner: over both last axes, and a product with a number if either is one."""
    if not self.shape or not other.shape:
        return (b.step("mul", self, other),)
    return (b.step("inner", self, other, shape=(*self.shape[:-1], *other.shape[:-1])),)


def bilinear(
    b: Builder, *, input1: Value, input2: Value, weight: Value, bias: Value | None
) -> tuple[Value]:
    """F.bilinear: a weight for each pair of features."""
    before = ascii_letters[3 : 2 + len(input1.shape)]
    shape = b.instead_of.output.shape
    equation = f"{before}b,abc,{before}c->{before}a"
    z = b.step("einsum", input1, weight, input2, shape=shape, equation=equation)
    return (z if bias is None else b.step("add", z, bias, shape=shape),)


def cross(b: Builder, *, self: Value, other: Value, dim: int | None) -> tuple[Value]:
    """torch.cross, along the first axis of three unless it is told another."""
    axis = self.shape.index(3) if dim is None else dim
    return (b.step("cross", self, other, axis=axis),)


def einsum(b: Builder, *, equation: str, tensors: Given, path: Given) -> tuple[Value]:
    """torch.einsum; dots get letters of their own, and a letter twice in one array its diagonal."""
    given = tensors if isinstance(tensors, tuple) else (tensors,)
    xs = [x for x in given if isinstance(x, Value)]
    inputs, output = _explicit(equation.replace(" ", ""), [len(x.shape) for x in xs])
    for place, letters in enumerate(inputs):
        xs[place], inputs[place] = _without_repeats(b, xs[place], letters)
    shape = b.instead_of.output.shape
    spelled = f"{','.join(inputs)}->{output}"
    if len(xs) == 2 and not _lonely(inputs, output):
        a, c = (f"{output},{inputs[1 - k]}->{inputs[k]}" for k in (0, 1))
        made = b.step("einsum_pair", *xs, shape=shape, equation=spelled, a_equation=a, b_equation=c)
        return (made,)
    return (b.step("einsum", *xs, shape=shape, equation=spelled),)


def _explicit(equation: str, ranks: list[int]) -> tuple[list[str], str]:
    """The letters of each array and of the result, without dots."""
    given, arrow, result = equation.partition("->")
    inputs = given.split(",")
    free = [letter for letter in ascii_letters if letter not in equation]
    hidden = [rank - len(part.replace(".", "")) for part, rank in zip(inputs, ranks, strict=True)]
    dots = "".join(free[: max([h for h, p in zip(hidden, inputs, strict=True) if "." in p] or [0])])
    if not arrow:  # each letter that stands once, in the alphabet's order
        once = sorted(c for c in set(given) - set(",.") if given.count(c) == 1)
        result = "..." * ("." in given) + "".join(once)
    spelled = [
        part.replace("...", dots[len(dots) - count :]) if "." in part else part
        for part, count in zip(inputs, hidden, strict=True)
    ]
    return spelled, result.replace("...", dots)


def _without_repeats(b: Builder, x: Value, letters: str) -> tuple[Value, str]:
    """The diagonal where two axes have one letter; it becomes the last axis."""
    for letter in letters:
        if letters.count(letter) > 1:
            first = letters.index(letter)
            second = letters.index(letter, first + 1)
            rest = [i for i in range(len(letters)) if i not in (first, second)]
            shape = (*(x.shape[i] for i in rest), x.shape[first])
            made = b.step("diagonal", x, shape=shape, first=first, second=second)
            return _without_repeats(b, made, "".join(letters[i] for i in rest) + letter)
    return x, letters


def _lonely(inputs: list[str], output: str) -> bool:
    """Whether one array alone has a letter, over which is summed."""
    return any(set(inputs[k]) - set(inputs[1 - k]) - set(output) for k in (0, 1))


def complex_mul(b: Builder, *, self: Value, other: Value) -> Sequence[Value]:
    """The product of complex numbers as pairs."""
    return [b.step("complex_mul", self, other)]


PRODUCTS: Mapping[str, Callable[..., Sequence[Value]]] = {
    "aten.addmv.default": addmv,
    "aten.addbmm.default": addbmm,
    "aten.addr.default": addr,
    "aten.bilinear.default": bilinear,
    "aten.cross.default": cross,
    "aten.einsum.default": einsum,
    "aten.inner.default": inner,
    "aten.linalg_multi_dot.default": multiplied,
    "aten.chain_matmul.default": multiplied,
}
