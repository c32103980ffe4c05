"""PyTorch's own samples of an operator (its `op_db`), as arguments of a rule.

Samples that a rule's options cannot express (several axes at once, `reduction="none"`, another
dtype) are left out, and so are empty arrays and arrays without an axis where one is named.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import numpy as np
import torch
from tests.rules.computed import allowed
from tests.rules.trial import summed_to

from backhand.rules import Rule, all_rules


@dataclass(frozen=True)
class Spelling:
    """How an operator of PyTorch names what a rule takes.

    `positional` are the rule's names for positional arguments in order, `named` those for keywords.
    """

    operator: str
    rule: str
    positional: tuple[str, ...]
    named: Mapping[str, str] = field(default_factory=dict)


HARMLESS: dict[str, Any] = {
    **{"inplace": False, "dtype": None, "p": 2, "swap": False, "_stacklevel": 3},
    **{"size_average": None, "reduce": None, "ord": 2},
}


@dataclass
class Sampled:
    """One sample: the rule's arguments, and PyTorch's result and derivatives."""

    rule: Rule
    arrays: dict[str, np.ndarray]
    attributes: dict[str, Any]
    dy: np.ndarray
    result: np.ndarray
    gradients: list[np.ndarray]

    def mine(self) -> Iterator[np.ndarray]:
        """The rule's result, and its derivatives before broadcasting is undone."""
        assert self.rule.backward is not None
        with np.errstate(all="ignore"):
            y = np.asarray(self.rule.forward.call(**self.arrays, **self.attributes))
            yield y
            known = {**self.arrays, **self.attributes, self.rule.output: y}
            known["d" + self.rule.output] = self.dy
            asked = (*self.rule.backward.parameters, *self.rule.backward.attributes)
            found = self.rule.backward.call(**{name: known[name] for name in asked})
        yield from found if isinstance(found, tuple) else (found,)

    def too_far(self) -> str:
        """What is out of its bound; empty if nothing is."""
        bounds = allowed(self.rule, self.arrays, self.attributes, self.dy)
        theirs = [self.result, *self.gradients]
        names = ["result", *self.rule.wrt]
        for name, mine, their, bound in zip(names, self.mine(), theirs, bounds, strict=True):
            assert mine.dtype == their.dtype, f"{name} is {mine.dtype}"
            sums = np.finfo(mine.dtype).eps * max(mine.size // max(their.size, 1) - 1, 0)
            with np.errstate(all="ignore"):
                room = summed_to(bound + sums * np.abs(mine), their.shape)
                total = summed_to(mine, their.shape).astype(np.float64)
                off = np.abs(total - their) > room + np.finfo(mine.dtype).tiny
            same = (total == their) | (np.isnan(total) & np.isnan(their))
            strange = np.isnan(total) != np.isnan(their)
            if ((off | strange) & ~same & np.isfinite(room)).any():
                return f"{name}: {total} and {their}, allowed {room}"
        return ""


@cache
def operators() -> dict[str, list[Any]]:
    """PyTorch's table of operators, by name."""
    from torch.testing._internal.common_methods_invocations import op_db

    found: dict[str, list[Any]] = {}
    for info in op_db:
        found.setdefault(info.name, []).append(info)
    return found


def samples(spelling: Spelling, dtype: torch.dtype) -> Iterator[Sampled | None]:
    """Every sample of the operator; None for one that the rule cannot express."""
    torch.manual_seed(0)
    for info in operators()[spelling.operator]:
        for sample in info.sample_inputs("cpu", dtype, requires_grad=False):
            yield _sampled(spelling, info.op, sample, dtype)


def _sampled(spelling: Spelling, op: Any, sample: Any, dtype: torch.dtype) -> Sampled | None:
    rule = all_rules()[spelling.rule]
    given = _arguments(spelling, rule, sample)
    if given is None:
        return None
    tensors = {k: v for k, v in given.items() if isinstance(v, torch.Tensor)}
    attributes = {k: v for k, v in given.items() if k not in tensors}
    if not _fits(rule, tensors, attributes, dtype):
        return None
    leaves = {k: v.detach().clone() for k, v in tensors.items()}
    wanted = [leaves[name].requires_grad_() for name in rule.wrt]

    def fresh(value: Any) -> Any:
        found = [leaves[k] for k, v in tensors.items() if v is value]
        return found[0] if found else value

    result = op(
        fresh(sample.input), *map(fresh, sample.args),
        **{k: fresh(v) for k, v in sample.kwargs.items()},
    )  # fmt: skip
    dy = torch.randn_like(result)
    gradients = torch.autograd.grad(result, wanted, dy)
    return Sampled(
        rule,
        {k: v.detach().numpy() for k, v in leaves.items()},
        {**rule.forward.defaults, **attributes},
        dy.numpy(),
        result.detach().numpy(),
        [g.numpy() for g in gradients],
    )


def _arguments(spelling: Spelling, rule: Rule, sample: Any) -> dict[str, Any] | None:
    """The rule's arguments by name; None if one has no place."""
    positional = (sample.input, *sample.args)
    if len(positional) > len(spelling.positional):
        return None
    given = dict(zip(spelling.positional, positional, strict=False))
    for name, value in sample.kwargs.items():
        if name in spelling.named:
            given[spelling.named[name]] = value
        elif name not in rule.forward.attributes + rule.forward.parameters:
            if name not in HARMLESS or value != HARMLESS[name]:
                return None
        else:
            given[name] = value
    for name, usual in (("reduction", "mean"), ("label_smoothing", 0.0)):
        if name in rule.forward.attributes:
            given.setdefault(name, usual)
    if isinstance(given.get("axis"), tuple | list) and len(given["axis"]) == 1:
        (given["axis"],) = given["axis"]
    if "unbiased" in given:
        given["correction"] = int(given.pop("unbiased"))
    return given


def _fits(
    rule: Rule, tensors: Mapping[str, torch.Tensor], attributes: Mapping[str, Any], dtype: Any
) -> bool:
    missing = set(rule.forward.attributes) - set(rule.forward.defaults) - set(attributes)
    axis = attributes.get("axis")
    needs_axis = axis is not None or ("axis" in rule.forward.defaults and "axis" not in attributes
                                      and rule.forward.defaults["axis"] is not None)  # fmt: skip
    smallest = min((t.ndim for t in tensors.values()), default=0)
    return (
        set(tensors) == set(rule.forward.parameters)
        and set(attributes) <= set(rule.forward.attributes)
        and not missing
        and all(t.numel() and t.dtype == dtype for t in tensors.values())
        and (axis is None or type(axis) is int)
        and not (needs_axis and smallest == 0)
        and attributes.get("reduction") != "none"
        and all(v is not None or k == "axis" for k, v in attributes.items())
    )
