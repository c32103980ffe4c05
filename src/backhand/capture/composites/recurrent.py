"""Recurrent layers: a step for each layer and direction, with dropout between the layers; and
cells, one time of them, in the steps that a person would write."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from backhand.capture.composites.builder import Builder, InexpressibleError
from backhand.graph import Value

Values = tuple[Value, ...]

ADDED_BIASES = frozenset({"lstm", "rnn_tanh", "rnn_relu"})
"""Rules that take one bias: the sum of PyTorch's two."""


def recurrent(rule: str) -> Callable[..., Values]:
    """The recipe for `torch.lstm`, `torch.gru`, `torch.rnn_tanh` or `torch.rnn_relu`."""

    def recipe(b: Builder, *, input: Value, hx: Any, params: Values, **options: Any) -> Values:
        layers = _Layers(b, rule, hx if isinstance(hx, tuple) else (hx,), params, **options)
        y = layers.run(input)
        return (y, *layers.last())

    return recipe


@dataclass
class _Layers:
    """The layers of one recurrent module."""

    b: Builder
    rule: str
    starts: Values
    """The states before the first time, each [layers and directions, B, H]."""
    params: Values
    has_biases: bool
    num_layers: int
    dropout: float
    train: bool
    bidirectional: bool
    batch_first: bool
    states: list[Values] = field(default_factory=list)
    """Of each layer and direction: the states after each time, [T, B, H]."""

    @property
    def directions(self) -> int:
        return 2 if self.bidirectional else 1

    def run(self, x: Value) -> Value:
        """The outputs of the last layer."""
        if self.batch_first:
            x = self._swapped(x)
        for layer in range(self.num_layers):
            if layer and self.train and self.dropout:
                x = self.b.dropout(x, self.dropout)
            parts = [self._direction(x, layer, backwards) for backwards in range(self.directions)]
            x = parts[0] if len(parts) == 1 else self.b.concatenate(parts, axis=-1)
        return self._swapped(x) if self.batch_first else x

    def last(self) -> Values:
        """Each state after the last time, for all layers and directions."""
        return tuple(map(self._last, zip(*self.states, strict=True)))

    def _direction(self, x: Value, layer: int, backwards: int) -> Value:
        number = layer * self.directions + backwards
        if backwards:
            x = self._flipped(x)
        starts = [
            self.b.step("select", s, shape=s.shape[1:], wish=wish, axis=0, index=number)
            for s, wish in zip(self.starts, "hc", strict=False)
        ]
        inputs = (x, *starts, *self._weights(number))
        shape = (*x.shape[:2], starts[0].shape[-1])
        shapes = [shape] * len(starts)
        made = self.b.several(self.rule, *inputs, shapes=shapes, wishes=["h", "c"][: len(starts)])
        self.states.append(made)
        return self._flipped(made[0]) if backwards else made[0]

    def _weights(self, number: int) -> tuple[Value | float, ...]:
        """The weights of a layer and direction, in the order of the rule's parameters."""
        count = 4 if self.has_biases else 2
        if len(self.params) != count * self.num_layers * self.directions:
            raise InexpressibleError  # a projection of h
        w_ih, w_hh, *biases = self.params[count * number : count * (number + 1)]
        if self.rule not in ADDED_BIASES:
            return w_ih, w_hh, *(biases or (0.0, 0.0))
        return w_ih, w_hh, self.b.step("add", *biases, wish="b") if biases else 0.0

    def _last(self, states: Values) -> Value:
        ends = [self.b.step("slice", s, shape=(1, *s.shape[1:]), axis=0, start=-1) for s in states]
        return ends[0] if len(ends) == 1 else self.b.concatenate(ends, axis=0)

    def _swapped(self, x: Value) -> Value:
        batch, times, *rest = x.shape
        return self.b.step("swapaxes", x, shape=(times, batch, *rest), first=0, second=1)

    def _flipped(self, x: Value) -> Value:
        return self.b.step("flip", x, axes=(0,))


def lstm_cell(
    b: Builder,
    *,
    input: Value,
    hx: Values,
    w_ih: Value,
    w_hh: Value,
    b_ih: Value | None,
    b_hh: Value | None,
) -> Values:
    """One time of an LSTM."""
    h, c = hx
    gates = b.step("add", b.linear(input, w_ih, b_ih), b.linear(h, w_hh, b_hh), wish="gates")
    i, f, g, o = b.split(gates, 4, ["i", "f", "g", "o"])
    kept = b.step("mul", b.step("sigmoid", f), c)
    c = b.step("add", kept, b.step("mul", b.step("sigmoid", i), b.step("tanh", g)), wish="c")
    return b.step("mul", b.step("sigmoid", o), b.step("tanh", c), wish="h"), c


def gru_cell(
    b: Builder,
    *,
    input: Value,
    hx: Value,
    w_ih: Value,
    w_hh: Value,
    b_ih: Value | None,
    b_hh: Value | None,
) -> Values:
    """One time of a GRU."""
    xr, xz, xn = b.split(b.linear(input, w_ih, b_ih), 3, ["xr", "xz", "xn"])
    hr, hz, hn = b.split(b.linear(hx, w_hh, b_hh), 3, ["hr", "hz", "hn"])
    r = b.step("sigmoid", b.step("add", xr, hr), wish="r")
    z = b.step("sigmoid", b.step("add", xz, hz), wish="z")
    n = b.step("tanh", b.step("add", xn, b.step("mul", r, hn)), wish="n")
    return (b.step("add", n, b.step("mul", z, b.step("sub", hx, n)), wish="h"),)


def rnn_cell(activation: str) -> Callable[..., Values]:
    """The recipe for one time of a plain recurrent layer."""

    def recipe(
        b: Builder,
        *,
        input: Value,
        hx: Value,
        w_ih: Value,
        w_hh: Value,
        b_ih: Value | None,
        b_hh: Value | None,
    ) -> Values:
        added = b.step("add", b.linear(input, w_ih, b_ih), b.linear(hx, w_hh, b_hh))
        return (b.step(activation, added, wish="h"),)

    return recipe
