"""Updates: how a weight is changed, in place, from its derivative. As `torch.optim` does it.

An update's first two parameters are the weight and its derivative, then come the arrays it keeps
from step to step (they begin as zeros) and `step`, which counts from 1, where it needs them.
Keyword-only parameters are the options; those that are 0 or False vanish from the written text.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np

from backhand.graph import Attribute
from backhand.rules.register import Function


@dataclass(frozen=True)
class Update:
    """An optimiser: its function, what it keeps, and what PyTorch calls it, its options and that.

    `limits` gives each option its smallest allowed value and the bound it must stay below.
    """

    name: str
    function: Function
    torch: str
    torch_names: Mapping[str, str]
    torch_states: Mapping[str, str]
    limits: Mapping[str, tuple[float, float]]

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


def sgd(w, dw, velocity, *, learning_rate, momentum=0.0, nesterov=False, weight_decay=0.0):
    if weight_decay:
        dw = dw + weight_decay * w
    if momentum:
        velocity *= momentum
        velocity += dw
        if nesterov:
            dw = dw + momentum * velocity
        else:
            dw = velocity
    w -= learning_rate * dw


def adam(
    w, dw, m, v, step, *, learning_rate=0.001, beta1=0.9, beta2=0.999, eps=1e-8, weight_decay=0.0
):
    if weight_decay:
        dw = dw + weight_decay * w
    m += (1 - beta1) * (dw - m)
    v *= beta2
    v += (1 - beta2) * dw * dw
    # m and v begin at 0; dividing by 1 - beta ** step makes up for it
    step_size = learning_rate / (1 - beta1**step)
    root = np.sqrt(v) / (1 - beta2**step) ** 0.5
    w -= step_size * (m / (root + eps))


def adamw(
    w, dw, m, v, step, *, learning_rate=0.001, beta1=0.9, beta2=0.999, eps=1e-8, weight_decay=0.01
):
    # decoupled: the decay acts on the weight itself, not through the derivative
    if weight_decay:
        w *= 1 - learning_rate * weight_decay
    m += (1 - beta1) * (dw - m)
    v *= beta2
    v += (1 - beta2) * dw * dw
    # m and v begin at 0; dividing by 1 - beta ** step makes up for it
    step_size = learning_rate / (1 - beta1**step)
    root = np.sqrt(v) / (1 - beta2**step) ** 0.5
    w -= step_size * (m / (root + eps))


_NAMES = {"learning_rate": "lr", "momentum": "momentum", "nesterov": "nesterov",
          "weight_decay": "weight_decay", "eps": "eps"}  # fmt: skip
_INFINITY = float("inf")
_LIMITS = {"learning_rate": (0.0, _INFINITY), "momentum": (0.0, _INFINITY),
           "weight_decay": (0.0, _INFINITY), "eps": (0.0, _INFINITY),
           "beta1": (0.0, 1.0), "beta2": (0.0, 1.0)}  # fmt: skip
_STATES = {"velocity": "momentum_buffer", "m": "exp_avg", "v": "exp_avg_sq"}


def _update(function: Callable[..., Any], torch: str) -> Update:
    return Update(
        function.__name__,
        Function(function.__name__, function),
        torch,
        MappingProxyType(_NAMES),
        MappingProxyType(_STATES),
        MappingProxyType(_LIMITS),
    )


UPDATES = {u.name: u for u in (_update(sgd, "SGD"), _update(adam, "Adam"), _update(adamw, "AdamW"))}
