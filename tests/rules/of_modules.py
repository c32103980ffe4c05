"""A rule that only modules use, beside PyTorch on the same numbers: whole numbers go in, any
number of arrays, and several results come out."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812
from tests.rules.trial import summed_to

from backhand.rounding import Bounded, bounded, run
from backhand.rules import Rule

Calling = Callable[..., Any]
"""How a function is called: `call(function, *arrays, **options)`."""


def _plainly(function: Callable[..., Any], *arrays: Any, **options: Any) -> Any:
    return function(*arrays, **options)


@dataclass(frozen=True)
class ModuleTrial:
    """A rule on one draw of one of its examples."""

    rule: Rule
    arrays: Mapping[str, np.ndarray]
    """By the name of the parameter, those of `*xs` as `xs0`, `xs1`, ..."""
    attributes: Mapping[str, Any]
    seed: int

    @classmethod
    def drawn(cls, rule: Rule, number: int, seed: int, dtype: str) -> "ModuleTrial":
        """On fresh numbers for one of the rule's examples."""
        generator, example = np.random.default_rng(seed), rule.examples[number]
        arrays = {name: sample.draw(generator) for name, sample in example.arrays.items()}
        arrays = {n: a.astype(dtype) if a.dtype.kind == "f" else a for n, a in arrays.items()}
        return cls(rule, arrays, {**rule.forward.defaults, **example.attributes}, seed)

    def forward(self, given: Mapping[str, Any], call: Calling = _plainly) -> tuple[Any, ...]:
        """All results on the numbers given; with `run` for `call`, with bounds."""
        names = self.rule.forward.named(len(given))
        options = {name: self.attributes[name] for name in self.rule.forward.attributes}
        return _tuple(call(self.rule.forward.call, *(given[name] for name in names), **options))

    def backward(
        self, given: Mapping[str, Any], ys: Any, dys: Any, call: Calling = _plainly
    ) -> tuple[Any, ...]:
        """All derivatives, from the results and the derivatives by them."""
        backward = self.rule.backward
        assert backward is not None
        known: dict[str, Any] = {**given, **self.attributes}
        known |= {f"{name}_shape": np.shape(array) for name, array in given.items()}
        for name, y, dy in zip(self._names_of_results(len(ys)), ys, dys, strict=True):
            known |= {name: y, f"d{name}": dy}
        rests = {self.rule.forward.rest, self.rule.outputs[0].removeprefix("*")}
        inputs = []
        for name in backward.parameters:
            is_rest = name in rests or name.removeprefix("d") in rests
            many = [f"{name}{i}" for i in range(len(known))] if is_rest else []
            inputs += [known[n] for n in many if n in known] or [known[name]]
        options = {name: known[name] for name in backward.attributes}
        return _tuple(call(backward.call, *inputs, **options))

    def _names_of_results(self, count: int) -> tuple[str, ...]:
        if self.rule.outputs[0].startswith("*"):
            return tuple(f"{self.rule.outputs[0][1:]}{i}" for i in range(count))
        return self.rule.outputs

    @cached_property
    def results(self) -> tuple[np.ndarray, ...]:
        """What the rule makes of the numbers."""
        return tuple(map(np.asarray, self.forward(self.arrays)))

    @cached_property
    def derivatives(self) -> tuple[np.ndarray, ...]:
        """A random derivative to carry back for each result that is of floats."""
        generator = np.random.default_rng(self.seed + 1)
        return tuple(
            generator.uniform(-1, 1, y.shape).astype(y.dtype)
            if y.dtype.kind == "f"
            else np.zeros(())
            for y in self.results
        )

    @property
    def wrt(self) -> tuple[str, ...]:
        """The arrays that have a derivative, each of `*xs` by itself."""
        rest = self.rule.forward.rest
        every = self.rule.forward.named(len(self.arrays))
        known = set(self.rule.wrt)
        many = (
            {n for n in every if n not in self.rule.forward.parameters} if rest in known else set()
        )
        return tuple(name for name in every if name in known | many)

    def torch(self) -> tuple[list[np.ndarray], list[np.ndarray]]:
        """PyTorch's results by the rule's spelling, and autograd's derivatives."""
        tensors = {name: torch.tensor(a) for name, a in self.arrays.items()}
        wanted = [tensors[name].requires_grad_() for name in self.wrt]
        spelled = {"torch": torch, "F": F, **tensors, **self.attributes}
        if self.rule.forward.rest:
            rest = self.rule.forward.rest
            spelled[rest] = [
                t for name, t in tensors.items() if name not in self.rule.forward.parameters
            ]
        ys = _tuple(eval(self.rule.torch, spelled))
        pairs = [
            (y, torch.tensor(dy))
            for y, dy in zip(ys, self.derivatives, strict=True)
            if y.requires_grad
        ]
        grads = (
            torch.autograd.grad([y for y, _ in pairs], wanted, [dy for _, dy in pairs])
            if wanted
            else []
        )
        return [y.detach().numpy() for y in ys], [g.numpy() for g in grads]

    def excess(self) -> Iterator[tuple[str, float]]:
        """For each result and derivative: the largest difference over what is allowed, which is
        twice the computed bound, for both sides round."""
        theirs, gradients = self.torch()
        lifted = {n: bounded(a) if a.dtype.kind == "f" else a for n, a in self.arrays.items()}
        with np.errstate(all="ignore"):
            ys = self.forward(lifted, run)
        for i, (y, their, bound) in enumerate(zip(self.results, theirs, ys, strict=True)):
            yield f"result {i}", _ratio(y, their, _error(bound))
        if not self.wrt:
            return
        dys = [bounded(dy) if dy.ndim or dy.dtype.kind == "f" else 0 for dy in self.derivatives]
        with np.errstate(all="ignore"):
            parts = self.backward(self.arrays, self.results, self.derivatives)
            held = self.backward(lifted, ys, dys, run)
        for name, part, gradient, bound in zip(self.wrt, parts, gradients, held, strict=True):
            room = np.finfo(part.dtype).eps * (part.size // max(1, gradient.size)) * np.abs(part)
            allowed = summed_to(_error(bound) + room, gradient.shape)
            yield f"d{name}", _ratio(summed_to(part, gradient.shape), gradient, allowed)


def _tuple(found: Any) -> tuple[Any, ...]:
    return tuple(found) if isinstance(found, tuple | list) else (found,)


def _error(found: Any) -> Any:
    return (
        found.error.astype(np.float64) if isinstance(found, Bounded) else np.zeros(np.shape(found))
    )


def _ratio(ours: np.ndarray, theirs: np.ndarray, bound: Any) -> float:
    assert ours.shape == theirs.shape, f"{ours.shape}, PyTorch {theirs.shape}"
    if ours.dtype.kind != "f":
        return 0.0 if np.array_equal(ours, theirs) else np.inf
    same = (ours == theirs) | (np.isnan(ours) & np.isnan(theirs))
    difference = np.where(same, 0, np.abs(ours.astype(np.float64) - theirs))
    return float(np.max(difference / (2 * bound + np.finfo(ours.dtype).tiny), initial=0))
