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


DRAWN = {
    "aten.feature_dropout.default": masked("dropout", "feature_mask"),
    "aten.alpha_dropout.default": masked("alpha_dropout", "dropout_mask"),
    "aten.feature_alpha_dropout.default": masked("alpha_dropout", "feature_mask"),
    "aten.rrelu.default": rrelu,
    "aten.randn_like.default": like("normal_like"),
    "aten.rand_like.default": like("uniform_like"),
}
