"""Operators that draw within the call: a step that draws, then a step that uses what was drawn."""

from collections.abc import Callable, Sequence
from typing import Any

from backhand.capture.composites.builder import Builder, InexpressibleError
from backhand.capture.formula import GENERATOR
from backhand.graph import Value


def masked(rule: str, draw: str) -> Callable[..., Sequence[Value]]:
    """A recipe: a mask is drawn by one rule and used by another."""

    def recipe(b: Builder, *, p: float, train: bool, **array: Value) -> Sequence[Value]:
        (x,) = array.values()  # `self` in the form that works in place, else `input`
        if rule == "alpha_dropout" and p >= 1:
            raise InexpressibleError
        shape = x.shape if draw == "dropout_mask" else (*x.shape[:2], *[1] * (len(x.shape) - 2))
        mask = b.step(draw, x, GENERATOR, shape=shape, wish="mask", rate=p)
        return [b.step(rule, x, mask, shape=x.shape, rate=p)]

    return recipe


def rrelu(
    b: Builder, self: Value, lower: float, upper: float, training: bool, generator: None
) -> Sequence[Value]:
    """A leaky relu whose slope is drawn for each number, or the middle one."""
    if not training:
        return [b.step("leaky_relu", self, slope=(lower + upper) / 2)]
    slopes = b.step(
        "random_slopes", self, GENERATOR, shape=self.shape, wish="slopes", low=lower, high=upper
    )
    return [b.step("mul", self, slopes)]


def like(rule: str) -> Callable[..., Sequence[Value]]:
    """As many fresh numbers as another array has."""

    def recipe(b: Builder, *, self: Value, **options: Any) -> Sequence[Value]:
        return [b.step(rule, self, GENERATOR, shape=self.shape)]

    return recipe


def of_size(rule: str) -> Callable[..., Sequence[Value]]:
    """Fresh numbers in an array of their own."""

    def recipe(b: Builder, *, size: Any, **options: Any) -> Sequence[Value]:
        return [b.step(rule, GENERATOR, shape=_shape(size), size=size, dtype="float")]

    return recipe


def whole_numbers(
    b: Builder, *, size: Any, high: Any, low: Any = 0, **options: Any
) -> Sequence[Value]:
    """Whole numbers from `low` up to `high`."""
    if type(low) is not int or type(high) is not int:
        raise InexpressibleError
    given = {"low": low, "high": high, "size": size}
    return [b.step("whole_numbers", GENERATOR, shape=_shape(size), numbers="int", **given)]


def _shape(size: Any) -> tuple[int | str, ...]:
    """A shape as values have it."""
    if not isinstance(size, tuple):
        raise InexpressibleError
    return tuple(n if isinstance(n, int) else str(n) for n in size)


def normal(b: Builder, *, mean: Any, std: Any, **options: Any) -> Sequence[Value]:
    """Normal numbers; there is no derivative by their mean or their deviation."""
    like = next((x for x in (options.get("self"), mean, std) if _is_array(x)), None)
    if like is not None:
        noise = b.step("normal_like", like, GENERATOR, shape=like.shape, wish="noise")
    elif "size" in options:
        (noise,) = of_size("normal_numbers")(b, size=options["size"])
    else:
        raise InexpressibleError
    if any(_is_array(x) and x.shape != noise.shape for x in (mean, std)):
        raise InexpressibleError
    std, mean = (b.step("detach", x) if _is_array(x) else x for x in (std, mean))
    return [_moved(b, noise, std, mean)]


def uniform(
    b: Builder, *, self: Value, to: float, generator: None, **low: float
) -> Sequence[Value]:
    """Numbers from one up to another, whose name is a word of Python's."""
    noise = b.step("uniform_like", self, GENERATOR, shape=self.shape, wish="noise")
    return [_moved(b, noise, to - low["from"], low["from"])]


def exponential(b: Builder, *, self: Value, lambd: float, generator: None) -> Sequence[Value]:
    """Waiting times."""
    noise = b.step("exponential_like", self, GENERATOR, shape=self.shape, wish="noise")
    return [noise if lambd == 1 else b.step("div", noise, lambd)]


def bernoulli(b: Builder, *, self: Value, p: Any = None, generator: None) -> Sequence[Value]:
    """Ones with a chance, which is an array's or the same everywhere, else zeros."""
    if p is None or _is_array(p):
        chances = self if p is None else p
        if chances.shape != self.shape or chances.numbers != "float":
            raise InexpressibleError
        return [b.step("bernoulli", chances, GENERATOR, shape=self.shape)]
    return [b.step("bernoulli_like", self, GENERATOR, shape=self.shape, chance=p)]


def _moved(b: Builder, noise: Value, by: Any, to: Any) -> Value:
    """noise * by + to, without what changes nothing."""
    if _is_array(by) or by != 1:
        noise = b.step("mul", noise, by)
    return b.step("add", noise, to) if _is_array(to) or to != 0 else noise


def _is_array(x: Any) -> bool:
    return isinstance(x, Value) and x.literal is None


DRAWN: dict[str, Callable[..., Sequence[Value]]] = {
    "aten.feature_dropout.default": masked("dropout", "feature_mask"),
    "aten.alpha_dropout.default": masked("alpha_dropout", "dropout_mask"),
    "aten.feature_alpha_dropout.default": masked("alpha_dropout", "feature_mask"),
    "aten.rrelu.default": rrelu,
    "aten.randn_like.default": like("normal_like"),
    "aten.rand_like.default": like("uniform_like"),
    "aten.randn.default": of_size("normal_numbers"),
    "aten.rand.default": of_size("uniform_numbers"),
    "aten.randint.default": whole_numbers,
    "aten.randint.low": whole_numbers,
    **dict.fromkeys(
        (
            f"aten.normal.{form}"
            for form in ("default", "Tensor_Tensor", "Tensor_float", "float_Tensor", "float_float")
        ),
        normal,
    ),
    "aten.uniform.default": uniform,
    "aten.exponential.default": exponential,
    **{f"aten.bernoulli.{form}": bernoulli for form in ("default", "p", "float", "Tensor")},
}
