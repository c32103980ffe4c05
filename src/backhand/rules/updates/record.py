"""What an update is: its function, how its arrays begin, what PyTorch calls it and all of that."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np

from backhand.graph import Attribute
from backhand.rules.register import Function

_INFINITY = float("inf")


@dataclass(frozen=True)
class Limit:
    """The numbers that an option may be: from `low`, or `above` it; below `high`, or `up_to` it."""

    low: float = 0.0
    high: float = _INFINITY
    above: bool = False
    up_to: bool = False

    def __contains__(self, number: float) -> bool:
        is_high_enough = number > self.low if self.above else number >= self.low
        return is_high_enough and (number <= self.high if self.up_to else number < self.high)

    def __str__(self) -> str:
        low = "" if self.low == -_INFINITY else f" {'above' if self.above else 'from'} {self.low:g}"
        high = f", {'at most' if self.up_to else 'below'} {self.high:g}"
        return f"a number{low}{'' if self.high == _INFINITY else high}"


@dataclass(frozen=True)
class Update:
    """An optimiser: its function, what it keeps, and what PyTorch calls it, its options and that.

    `begins` has, by the name of an array that it keeps, a function of one expression that makes it
    from the weight; those that are not there begin as zeros. Options that PyTorch takes as a pair
    have the same name in `torch_names`. `limits` says what the options may be.
    """

    name: str
    function: Function
    torch: str
    torch_names: Mapping[str, str]
    torch_states: Mapping[str, str]
    begins: Mapping[str, Function]
    limits: Mapping[str, Limit]

    @property
    def state(self) -> tuple[str, ...]:
        """Names of the arrays it keeps."""
        return tuple(n for n in self.function.parameters if n not in ("w", "dw", "step"))

    @property
    def options(self) -> tuple[str, ...]:
        """Names of every option."""
        return self.function.attributes

    @property
    def defaults(self) -> dict[str, Attribute]:
        """The options that may be left out, with what they then are."""
        return self.function.defaults

    def beginning(self, state: str) -> Function:
        """How an array that it keeps begins."""
        return self.begins.get(state, ZEROS)


def zeros(w):
    return np.zeros_like(w)


ZEROS = Function("zeros", zeros)

_NAMES = {
    "learning_rate": "lr", "learning_rate_decay": "lr_decay", "beta1": "betas", "beta2": "betas",
    "eta_minus": "etas", "eta_plus": "etas",
    "step_size_min": "step_sizes", "step_size_max": "step_sizes",
}  # fmt: skip

# PyTorch checks the same, but for dampening (no limit at all), and `lambd`, `alpha` of ASGD, `t0`
# and the step sizes, for which below 0 it goes on to compute what cannot be meant
_LIMITS = {
    "dampening": Limit(-_INFINITY),
    "beta1": Limit(0.0, 1.0),
    "beta2": Limit(0.0, 1.0),
    "rho": Limit(0.0, 1.0, up_to=True),
    "eta_minus": Limit(0.0, 1.0, above=True),
    "eta_plus": Limit(1.0, above=True),
}


def update(
    function: Callable[..., Any],
    torch: str,
    states: Mapping[str, str],
    **begins: Callable[..., Any],
) -> Update:
    """The record of an update; `states` are PyTorch's names of what it keeps."""
    own = Function(function.__name__, function)
    return Update(
        function.__name__,
        own,
        torch,
        MappingProxyType({option: _NAMES.get(option, option) for option in own.attributes}),
        MappingProxyType(states),
        MappingProxyType({n: Function(f.__name__, f) for n, f in begins.items()}),
        MappingProxyType({option: _LIMITS.get(option, Limit()) for option in own.attributes}),
    )
