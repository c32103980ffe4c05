"""A rule beside PyTorch on the same numbers."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812
from tests.rules.bounds import BOUNDS
from tests.rules.computed import allowed

from backhand.rules import Rule


class Trial:
    """A rule on one draw of one of its examples: its own results, and PyTorch's."""

    def __init__(self, rule: Rule, arrays: dict[str, Any], **attributes: Any) -> None:
        self.rule, self.arrays = rule, arrays
        self.attributes = {**rule.forward.defaults, **attributes}
        self.y = np.asarray(rule.forward.call(**arrays, **self.attributes))
        self.dtype = self.y.dtype.name
        self.dy: Any = np.ones_like(self.y)

    @classmethod
    def drawn(cls, rule: Rule, number: int, seed: int, dtype: str) -> "Trial":
        """On fresh numbers for one of the rule's examples, with a random derivative to carry."""
        generator, example = np.random.default_rng(seed), rule.examples[number]
        arrays = {n: s.draw(generator).astype(dtype) for n, s in example.arrays.items()}
        trial = cls(rule, arrays, **example.attributes)
        trial.dy = generator.uniform(-1, 1, trial.y.shape).astype(dtype)
        return trial

    def parts(self) -> tuple[np.ndarray, ...]:
        """The derivatives as the rule gives them, in the shape of the result's broadcasting."""
        assert self.rule.backward is not None
        at_hand = {**self.arrays, self.rule.output: self.y, "d" + self.rule.output: self.dy}
        at_hand |= self.attributes
        asked = (*self.rule.backward.parameters, *self.rule.backward.attributes)
        found = self.rule.backward.call(**{name: at_hand[name] for name in asked})
        return found if isinstance(found, tuple) else (found,)

    def torch(self) -> tuple[np.ndarray, list[np.ndarray]]:
        """PyTorch's result of its own spelling, and autograd's derivatives."""
        tensors = {name: torch.tensor(a) for name, a in self.arrays.items()}
        wanted = [tensors[name].requires_grad_() for name in self.rule.wrt]
        spelled = {"torch": torch, "F": F, **tensors, **self.attributes}
        y = eval(self.rule.torch, spelled)
        grads = torch.autograd.grad(y, wanted, torch.tensor(self.dy))
        return y.detach().numpy(), [g.numpy() for g in grads]

    def excess(self) -> Iterator[tuple[str, float]]:
        """For the result and each derivative: the largest difference over what is allowed: counted
        by hand in `bounds.py`, or else computed."""
        if self.rule.name not in BOUNDS:
            yield from self.excess_of_computed()
            return
        bound, eps = BOUNDS[self.rule.name], np.finfo(self.dtype).eps
        lifted: dict[str, Any] = {k: v.astype(np.float64) for k, v in self.arrays.items()}
        lifted |= {**self.attributes, "dy": self.dy.astype(np.float64)}
        if self.rule.output == "y":
            lifted["y"] = self.y.astype(np.float64)
        theirs, grads = self.torch()
        size = bound.of_forward(**lifted) if bound.of_forward else abs(self.y)
        roundings = bound.forward + bound.sums(**lifted)
        yield "result", _ratio(self.y, theirs, roundings * eps * size)
        parts = self.parts()
        sizes = bound.of_backward(**lifted) if bound.of_backward else map(abs, parts)
        for name, part, grad, of in zip(self.rule.wrt, parts, grads, sizes, strict=True):
            # undoing the broadcast adds a sum of that many terms on both sides
            roundings = bound.backward + bound.sums_back(**lifted) + part.size // grad.size - 1
            allowed = roundings * eps * summed_to(np.asarray(of), grad.shape)
            yield f"d{name}", _ratio(summed_to(part, grad.shape), grad, allowed)

    def excess_of_computed(self) -> Iterator[tuple[str, float]]:
        """The same against the bounds that `backhand.rounding` computes."""
        theirs, grads = self.torch()
        dy = np.asarray(self.dy, self.dtype)
        bound, *bounds = allowed(self.rule, self.arrays, self.attributes, dy)
        yield "result", _ratio(self.y, theirs, bound)
        for name, part, grad, of in zip(self.rule.wrt, self.parts(), grads, bounds, strict=True):
            # undoing the broadcast adds a sum of that many terms on both sides
            roundings = np.finfo(self.dtype).eps * (part.size // grad.size - 1)
            room = summed_to(of + roundings * np.abs(part), grad.shape)
            yield f"d{name}", _ratio(summed_to(part, grad.shape), grad, room)


def _ratio(ours: np.ndarray, theirs: np.ndarray, allowed: np.ndarray) -> float:
    assert ours.shape == theirs.shape
    difference = np.abs(ours.astype(np.float64) - theirs)
    # below the smallest normal number relative accuracy ends, and PyTorch may flush to 0
    return float(np.max(difference / (allowed + np.finfo(ours.dtype).tiny)))


def summed_to(array: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Undo broadcasting as NumPy's rules imply, written apart from the deriver's way."""
    while array.ndim > len(shape):
        array = array.sum(axis=0)
    for axis, size in enumerate(shape):
        if size == 1 and array.shape[axis] > 1:
            array = array.sum(axis=axis, keepdims=True)
    return array
