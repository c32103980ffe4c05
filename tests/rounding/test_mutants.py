"""Every planted mistake in a rule of bounds is found by the directed inputs."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from tests.rounding.checking import CORNERS, seen
from tests.rounding.directed import cases

from backhand.rounding import array, combine, elementwise, extremes, model, products, sums
from backhand.rounding import powers as powers_module
from backhand.rounding import structure as structure_module
from backhand.rounding.accuracy import STATED, Accuracy
from backhand.rounding.array import FUNCTIONS
from backhand.rounding.elementwise import ELEMENTWISE
from backhand.rounding.terms import Term

Mutant = Callable[[pytest.MonkeyPatch], None]
MUTANTS: dict[str, Mutant] = {}


def mutant(name: str) -> Callable[[Mutant], Mutant]:
    def note(planted: Mutant) -> Mutant:
        MUTANTS[name] = planted
        return planted

    return note


def rule_of(ufunc: np.ufunc, name: str) -> Callable[[Any], Any]:
    """A wrong rule in the place of a ufunc's."""

    def note(rule: Any) -> Any:
        MUTANTS[f"{ufunc.__name__}: {name}"] = lambda patch: patch.setitem(ELEMENTWISE, ufunc, rule)
        return rule

    return note


def attribute(name: str, owner: Any, key: str, value: Any) -> None:
    MUTANTS[name] = lambda patch: patch.setattr(owner, key, value)


# --- gamma, units and the stated accuracies ---------------------------------------------------

attribute("gamma of 2 for n", model, "gamma", lambda n, unit: min(n, 2) * unit)
attribute("half of gamma", model, "gamma", lambda n, unit: n * unit / 2)
attribute("gamma of the root of n", model, "gamma", lambda n, unit: n**0.5 * unit)
# an ulp is twice the unit at the lower end of a binade and once at the upper
attribute("an ulp is one unit", Accuracy, "roundings",
          lambda self, dtype: self.float32 if dtype == np.float32 else self.float64)  # fmt: skip


def _halved(name: str) -> Mutant:
    a = STATED[name]
    return lambda patch: patch.setitem(STATED, name, Accuracy(a.float32 / 2, a.float64 / 2))


for _name in ("exp", "exp2", "expm1", "log", "log2", "log10", "log1p", "tanh", "sin", "cos",
              "tan", "sqrt", "power", "square", "erf"):  # fmt: skip
    MUTANTS[f"half an ulp of {_name}"] = _halved(_name)


def _rounded_without_size(m: Any, v: Any, carried: Any, roundings: float = 1.0) -> Any:
    return np.abs(v) * 0 if carried is None else carried + np.abs(v) * 0


for _module in (elementwise, sums, powers_module):
    attribute(f"no rounding in {_module.__name__.split('.')[-1]}", _module, "rounded",
              _rounded_without_size)  # fmt: skip
    attribute(f"no underflow in {_module.__name__.split('.')[-1]}", _module, "underflowing",
              lambda m, v, e, *live: e)  # fmt: skip
attribute("constants are exact", combine, "constant",
          lambda x, m: Term(np.asarray(x, m.dtype), None))  # fmt: skip


# --- elementwise rules --------------------------------------------------------------------------


@rule_of(np.add, "only the first operand's error")
def _(m: Any, v: Any, a: Term, b: Term) -> Any:
    return elementwise.rounded(m, v, a.error_or_0 + np.zeros_like(v))


@rule_of(np.subtract, "errors cancel")
def _(m: Any, v: Any, a: Term, b: Term) -> Any:
    return elementwise.rounded(m, v, np.abs(a.error_or_0 - b.error_or_0) + np.zeros_like(v))


@rule_of(np.multiply, "a missing term")
def _(m: Any, v: Any, a: Term, b: Term) -> Any:
    return elementwise.times(m, v, a, Term(b.value, None))


@rule_of(np.multiply, "no second order")
def _(m: Any, v: Any, a: Term, b: Term) -> Any:
    carried = a.error_or_0 * b.size + b.error_or_0 * a.size
    return elementwise.underflowing(
        m, v, elementwise.rounded(m, v, carried + np.zeros_like(v)), a, b
    )


@rule_of(np.multiply, "every factor is a power of two")
def _(m: Any, v: Any, a: Term, b: Term) -> Any:
    return elementwise.times(m, v, Term(a.value, a.error, True), b)


@rule_of(np.true_divide, "the divisor is exact")
def _(m: Any, v: Any, a: Term, b: Term) -> Any:
    return elementwise.over(m, v, a, Term(b.value, None))


@rule_of(np.true_divide, "first order")
def _(m: Any, v: Any, a: Term, b: Term) -> Any:
    carried = (a.error_or_0 + np.abs(v) * b.error_or_0) / b.size
    return elementwise.underflowing(m, v, elementwise.rounded(m, v, carried), a)


@rule_of(np.sqrt, "first order")
def _(m: Any, v: Any, a: Term) -> Any:
    return elementwise.rounded(m, v, a.error_or_0 / (2 * np.sqrt(a.size)) + 0 * v, 1.5)


@rule_of(np.sqrt, "never below 0")
def _(m: Any, v: Any, a: Term) -> Any:
    return elementwise.root(m, v, Term(a.value, a.error, nonnegative=True))


def _with_carry(ufunc: np.ufunc, name: str, carry: Any) -> None:
    rule_of(ufunc, name)(elementwise.stated(ufunc.__name__, carry))


for _ufunc in (np.exp, np.exp2, np.expm1):
    _with_carry(_ufunc, "first order", lambda m, v, a: np.exp(a.value) * a.error_or_0)
_with_carry(np.exp, "no second exp", lambda m, v, a: np.abs(v) * np.expm1(a.error_or_0))
_with_carry(np.log, "slope at the middle", lambda m, v, a: a.error_or_0 / a.size)
_with_carry(np.log2, "the slope of log", lambda m, v, a: a.error_or_0 / a.least)
_with_carry(np.log1p, "the slope of log", lambda m, v, a: a.error_or_0 / a.least)
_with_carry(np.tan, "slope at the middle", lambda m, v, a: a.error_or_0 * (1 + v * v))
_with_carry(np.tanh, "slope at the middle", lambda m, v, a: a.error_or_0 * (1 - v * v))
_with_carry(np.sin, "slope at the middle", lambda m, v, a: a.error_or_0 * np.abs(np.cos(a.value)))
_with_carry(np.cos, "slope at the middle", lambda m, v, a: a.error_or_0 * np.abs(np.sin(a.value)))


@mutant("erf: slope at the middle")
def _(patch: pytest.MonkeyPatch) -> None:
    from backhand.rounding import namespace

    def carry(m: Any, v: Any, a: Term) -> Any:
        return a.error_or_0 * 1.12838 * np.exp(-a.value * a.value)

    patch.setattr(namespace, "ERF", elementwise.stated("erf", carry))


@rule_of(np.maximum, "the larger one's error")
def _(m: Any, v: Any, a: Term, b: Term) -> Any:
    return np.where(a.value > b.value, a.error_or_0, b.error_or_0)


@rule_of(np.minimum, "the first one's error")
def _(m: Any, v: Any, a: Term, b: Term) -> Any:
    return a.error_or_0 + np.zeros_like(v)


@rule_of(np.logaddexp, "the smaller error")
def _(m: Any, v: Any, a: Term, b: Term) -> Any:
    return elementwise.rounded(m, v, np.minimum(a.error_or_0, b.error_or_0) + 0 * v, 10)


@rule_of(np.sign, "always sure")
def _(m: Any, v: Any, a: Term) -> Any:
    return None


@rule_of(np.copysign, "the sign is sure")
def _(m: Any, v: Any, a: Term, b: Term) -> Any:
    return a.error


@rule_of(np.absolute, "exact")
def _(m: Any, v: Any, a: Term) -> Any:
    return None


attribute("x ** n: slope at the middle", powers_module, "_of_base",
          lambda a, n: n * a.error_or_0 * a.size ** (n - 1))  # fmt: skip
attribute("x ** y: first order", powers_module, "growth", lambda m, d: d)
attribute("x ** y: the exponent is exact", powers_module, "_of_both",
          lambda m, v, a, b: abs(v) * elementwise.growth(m, b.size * a.error / a.least)
)  # fmt: skip


# --- decisions ----------------------------------------------------------------------------------


@mutant("where: never unsure")
def _(patch: pytest.MonkeyPatch) -> None:
    right = extremes._chosen
    patch.setattr(extremes, "_chosen", lambda m, t, doubt, x, y, v: right(m, t, None, x, y, v))


@mutant("where: the worse error and no gap")
def _(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(extremes, "_chosen", lambda m, t, doubt, x, y, v: np.maximum(
        x.error_or_0, y.error_or_0) + np.zeros_like(v))  # fmt: skip


@mutant("comparisons are sure")
def _(patch: pytest.MonkeyPatch) -> None:
    right = combine.compare

    def compare(*args: Any, **kwargs: Any) -> Any:
        return array.made(right(*args, **kwargs).value, [None])

    for ufunc in (np.less, np.greater):
        patch.setitem(combine.SPECIAL, ufunc, compare)


@mutant("max: the largest one's error")
def _(patch: pytest.MonkeyPatch) -> None:
    def winners(x: Term, axis: Any, largest: bool) -> Any:
        return x.value == (np.max if largest else np.min)(x.value, axis=axis, keepdims=True)

    patch.setattr(extremes, "candidates", winners)


# --- sums and products ----------------------------------------------------------------------------


def _sum_rule(change: Callable[[Any, Term, Any, int], Any]) -> Mutant:
    def plant(patch: pytest.MonkeyPatch) -> None:
        def rule(m: Any, v: Any, x: Term, axis: Any, n: int) -> Any:
            return np.asarray(change(m, x, axis, n)).reshape(np.shape(v))

        patch.setattr(sums, "sum_rule", rule)

    return plant


MUTANTS["sum: of the result, not of the sizes"] = _sum_rule(
    lambda m, x, axis, n: (
        abs(x.value.sum(axis=axis, keepdims=True)) * m.gamma(n - 1)
        + m.total(np.zeros_like(x.value) + x.error_or_0, axis)
    )
)
MUTANTS["sum: the errors are not added"] = _sum_rule(
    lambda m, x, axis, n: m.total(x.reach, axis) * m.gamma(n - 1)
)
MUTANTS["sum: the worst error"] = _sum_rule(
    lambda m, x, axis, n: m.total(x.reach, axis) * m.gamma(n - 1) + np.max(x.error_or_0)
)
MUTANTS["sum: nobody reaches further"] = _sum_rule(
    lambda m, x, axis, n: (
        m.total(x.size, axis) * m.gamma(n - 1)
        + m.total(np.zeros_like(x.value) + x.error_or_0, axis)
    )
)


@mutant("mean: the division does not round")
def _(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(sums, "mean_rule", lambda m, v, x, axis, n: sums.sum_rule(m, v, x, axis, n) / n)


@mutant("prod: one rounding")
def _(patch: pytest.MonkeyPatch) -> None:
    right = sums.product_rule
    patch.setattr(sums, "product_rule", lambda m, v, x, axis, n: right(m, v, x, axis, min(n, 2)))


@mutant("prod: exact factors")
def _(patch: pytest.MonkeyPatch) -> None:
    right = sums.product_rule
    patch.setattr(
        sums,
        "product_rule",
        lambda m, v, x, axis, n: right(m, v, Term(x.value, None), axis, n),
    )


@mutant("var: exact")
def _(patch: pytest.MonkeyPatch) -> None:
    patch.setitem(FUNCTIONS, np.var, lambda a, **kw: array.made(np.var(a.value, **kw), [None]))


def _matmul(change: Any) -> Mutant:
    right = products.product_sum_rule
    return lambda patch: patch.setattr(
        products, "product_sum_rule", lambda *args: change(right, *args)
    )


MUTANTS["matmul: gamma of 2"] = _matmul(lambda right, m, v, a, b, f, n: right(m, v, a, b, f, 2))
MUTANTS["matmul: the right side is exact"] = _matmul(
    lambda right, m, v, a, b, f, n: right(m, v, a, Term(b.value, None), f, n)
)
MUTANTS["matmul: the left side is exact"] = _matmul(
    lambda right, m, v, a, b, f, n: right(m, v, Term(a.value, None), b, f, n)
)
MUTANTS["matmul: of the result, not of the sizes"] = _matmul(
    lambda right, m, v, a, b, f, n: np.abs(v) * m.gamma(n) + f(a.reach, b.reach) * 0
)


@mutant("matmul: no underflow")
def _(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(
        products, "_any_product", lambda a, b, f: np.zeros(np.shape(f(a.value, b.value)), bool)
    )


@mutant("matmul: no underflow beside what is normal")
def _(patch: pytest.MonkeyPatch) -> None:
    right = products.product_sum_rule

    def rule(m: Any, v: Any, a: Term, b: Term, f: Any, n: int) -> Any:
        e = right(m, v, a, b, f, n)
        return np.where(f(a.reach, b.reach) < 2 * m.tiny, e, e - 4 * n * m.smallest)

    patch.setattr(products, "product_sum_rule", rule)


@mutant("cumsum: one rounding")
def _(patch: pytest.MonkeyPatch) -> None:
    right = model.Model.gamma
    patch.setattr(model.Model, "gamma", lambda self, n: right(self, min(n, 40)))


# --- writing, and the ends of the range -----------------------------------------------------------


@mutant("a write keeps the old error")
def _(patch: pytest.MonkeyPatch) -> None:
    def setitem(a: Any, index: Any, source: Any) -> None:
        a.value[index] = combine.raw(source)

    patch.setitem(FUNCTIONS, "setitem", setitem)


@mutant("views have errors of their own")
def _(patch: pytest.MonkeyPatch) -> None:
    right = structure_module._part

    def part(a: Any, value: Any, errors: Any) -> Any:
        return right(a, value, [np.array(e) for e in errors])

    patch.setattr(structure_module, "_part", part)


@mutant("an overflow is finite elsewhere")
def _(patch: pytest.MonkeyPatch) -> None:
    def settled(v: Any, error: Any, m: Any, certain: Any = None) -> Any:
        if error is None:
            return None
        e = m.up(np.array(np.broadcast_to(error, np.shape(v)), dtype=m.dtype))
        return np.where(np.isfinite(v), np.nan_to_num(e, posinf=np.finfo(m.dtype).max), np.inf)

    patch.setattr(combine, "settled", settled)


# --- the test ---------------------------------------------------------------------------------


def found() -> str:
    """The first directed input that shows a violation; nothing if none does."""
    for dtype in ("float32", "float64"):
        for name, made, errors in cases(dtype):
            result = seen(made, errors, torch=False, corners=CORNERS)
            if not result.ok:
                return f"{name} {dtype}: {result.where} is {result.worst:.3g} times its bound"
    return ""


@pytest.mark.parametrize("name", MUTANTS)
def test_a_mutant_is_found(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    MUTANTS[name](monkeypatch)
    assert found()


def test_without_a_mutant_nothing_is_found() -> None:
    assert not found()
