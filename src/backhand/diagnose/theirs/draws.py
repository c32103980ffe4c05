"""Watching random draws: NumPy's functions and generators, and torch's where it is there."""

import random
import sys
from collections.abc import Callable
from typing import Any

import numpy as np

from backhand.diagnose.theirs.watching import OWNED, Log

UNIFORM = ("rand", "random", "random_sample", "ranf", "sample", "uniform")
BITS = ("binomial", "choice", "randint", "integers")
ORDER = ("permutation",)
MOST_BETWEEN = 300
"""Values of one pass that are kept."""
FRACTION = 2**53
"""Whole numbers below this are fractions of 53 bits, as our own programs draw them."""


class Observed:
    """Every draw of a mask that was made while their code ran, in order."""

    def __init__(self) -> None:
        self.draws: list[dict[str, Any]] = []
        self.log: Log | None = None
        """Where the values on the way are told, once there is one."""

    def begin(self) -> int:
        """Listen to the values on the way: how many there were before."""
        if self.log is None:
            return 0
        self.log.listening = True
        return len(self.log.events)

    def between(self, start: int) -> list[tuple[str, np.ndarray]]:
        """Stop listening: what was told since then."""
        if self.log is None:
            return []
        self.log.listening = False
        found = [(name.partition(OWNED)[0], array) for name, array, *_ in self.log.events[start:]]
        del self.log.events[start:]
        return found[:MOST_BETWEEN]

    def add(self, kind: str, values: Any, probability: float | None = None) -> None:
        array = np.array(values)
        if array.ndim:
            self.draws.append({"kind": kind, "values": array, "probability": probability})
        else:
            self.draws.append(
                {"kind": kind, "values": array.reshape(1), "probability": probability}
            )

    def saw(self, name: str, values: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        """One call of a generator's method."""
        if name in UNIFORM:
            low = kwargs.get("low", args[0] if name == "uniform" and args else 0.0)
            high = kwargs.get("high", args[1] if name == "uniform" and len(args) > 1 else 1.0)
            if (low, high) == (0, 1) or (low, high) == (0.0, 1.0):
                self.add("uniform", values)
        elif name == "binomial":
            n = kwargs.get("n", args[0] if args else None)
            p = kwargs.get("p", args[1] if len(args) > 1 else None)
            if n == 1:
                self.add("bits", values, None if p is None else float(p))
        elif name == "choice":
            self._chosen(values, args, kwargs)
        elif name in ("randint", "integers") and args and args[0] == FRACTION:
            self.add("uniform", np.asarray(values) / FRACTION)
        elif name in ("randint", "integers") and set(np.unique(values)) <= {0, 1}:
            self.add("bits", values, 0.5)
        elif _is_order(name, values, args):
            self.add("order", values)

    def _chosen(self, values: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        options = np.asarray(args[0] if args else kwargs.get("a"))
        weights = kwargs.get("p", args[3] if len(args) > 3 else None)
        if options.size == 2 and 0 in options:
            one = int(np.flatnonzero(options)[0]) if options.any() else 1
            probability = 0.5 if weights is None else float(np.asarray(weights)[one])
            self.add("bits", np.asarray(values) != 0, probability)
        elif np.ndim(values) == 1 and options.ndim == 0:
            self.add("order", values)


def _is_order(name: str, values: Any, args: tuple[Any, ...]) -> bool:
    """Whether a draw says in which order, or how often, the examples come."""
    if name in ("randint", "integers"):
        return np.ndim(values) == 1
    return name in ORDER and np.asarray(args[0] if args else values).ndim <= 1


def watch_numpy(observed: Observed) -> None:
    """Put a watcher around np.random's functions and its generators."""
    shuffle = np.random.shuffle
    for name in (*UNIFORM, *BITS, *ORDER):
        if hasattr(np.random, name):
            setattr(np.random, name, _watched(getattr(np.random, name), name, observed))

    def shuffled(x: Any, *_: Any) -> None:
        state = np.random.get_state()
        order = np.arange(len(x))
        shuffle(order)
        np.random.set_state(state)
        shuffle(x)
        observed.add("order", order)

    np.random.shuffle = shuffled
    random.shuffle = _watched_shuffle_of_lists(random.shuffle, observed)
    for kind in ("RandomState", "Generator"):
        setattr(np.random, kind, _watched_class(getattr(np.random, kind), observed))
    made = np.random.default_rng
    generator = np.random.Generator

    def default_rng(*args: Any, **kwargs: Any) -> Any:
        return generator(made(*args, **kwargs).bit_generator)

    np.random.default_rng = default_rng


def _watched(function: Callable[..., Any], name: str, observed: Observed) -> Callable[..., Any]:
    def watched(*args: Any, **kwargs: Any) -> Any:
        values = function(*args, **kwargs)
        observed.saw(name, values, args, kwargs)
        return values

    return watched


def _watched_class(kind: type, observed: Observed) -> type:
    methods = {
        name: _watched_method(getattr(kind, name), name, observed)
        for name in (*UNIFORM, *BITS, *ORDER)
        if hasattr(kind, name)
    }
    return type(kind.__name__, (kind,), {**methods, "shuffle": _watched_shuffle(kind, observed)})


def _watched_shuffle(kind: Any, observed: Observed) -> Any:
    """A generator's `shuffle`; its order is what the same state makes of 0, 1, 2 ..."""

    def shuffle(self: Any, x: Any, **kwargs: Any) -> None:
        bits = self._bit_generator
        state = bits.state
        order = np.arange(len(x))
        kind.shuffle(self, order)
        bits.state = state
        kind.shuffle(self, x, **kwargs)
        observed.add("order", order)

    return shuffle


def _watched_shuffle_of_lists(
    shuffle: Callable[..., None], observed: Observed
) -> Callable[..., None]:
    """Python's own `shuffle`; its order is what the same state makes of 0, 1, 2 ..."""

    def shuffled(x: Any, *args: Any) -> None:
        state = random.getstate()
        order = list(range(len(x)))
        shuffle(order, *args)
        random.setstate(state)
        shuffle(x, *args)
        observed.add("order", order)

    return shuffled


def _watched_method(method: Any, name: str, observed: Observed) -> Callable[..., Any]:
    def watched(self: Any, *args: Any, **kwargs: Any) -> Any:
        values = method(self, *args, **kwargs)
        observed.saw(name, values, args, kwargs)
        return values

    return watched


def watch_torch(observed: Observed) -> None:
    """The same for torch, if their code has imported it."""
    torch: Any = sys.modules.get("torch")
    if torch is None or hasattr(torch, "_backhand_watched"):
        return
    torch._backhand_watched = True
    functional = torch.nn.functional
    rand, rand_like, bernoulli = torch.rand, torch.rand_like, torch.bernoulli

    def seen(function: Callable[..., Any], kind: str) -> Callable[..., Any]:
        def watched(*args: Any, **kwargs: Any) -> Any:
            values = function(*args, **kwargs)
            observed.add(kind, values.detach().numpy())
            return values

        return watched

    torch.rand, torch.rand_like = seen(rand, "uniform"), seen(rand_like, "uniform")
    torch.bernoulli = seen(bernoulli, "bits")
    plain = functional.dropout

    def dropout(x: Any, p: float = 0.5, training: bool = True, inplace: bool = False) -> Any:
        if not training:
            return x
        mask = plain(torch.ones_like(x), p, True)
        observed.add("mask", mask.detach().numpy(), 1 - p)
        return x * mask

    functional.dropout = dropout
