"""Angles in other units, and logits of what is kept away from 0 and 1."""

from collections.abc import Callable, Mapping, Sequence
from math import pi

from backhand.capture.composites.builder import Builder, InexpressibleError
from backhand.graph import Value


def times(factor: float) -> Callable[..., Sequence[Value]]:
    """A recipe: a number of one unit in another."""

    def recipe(b: Builder, *, self: Value) -> Sequence[Value]:
        if self.numbers != "float":
            raise InexpressibleError
        return [b.step("mul", self, factor)]

    return recipe


def logit(b: Builder, *, self: Value, eps: float | None) -> Sequence[Value]:
    """torch.logit of numbers between eps and 1 - eps."""
    if eps is None or self.numbers != "float":
        raise InexpressibleError
    return [b.step("logit", b.step("clip", self, low=eps, high=1 - eps))]


SCALED: Mapping[str, Callable[..., Sequence[Value]]] = {
    "aten.deg2rad.default": times(pi / 180),
    "aten.rad2deg.default": times(180 / pi),
    "aten.logit.default": logit,
}
