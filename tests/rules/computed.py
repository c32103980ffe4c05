"""How far a rule may be from PyTorch, computed: the bound of its own text, and that of PyTorch's
formula where that is another, both fed the same numbers.

Where the two formulas are not equal even in exact arithmetic (PyTorch has a few constants in
float32), how far apart they are counts as well.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np

from backhand.agreement.kernels import FORMULAS
from backhand.rounding import Bounded, bounded, run
from backhand.rules import Rule
from backhand.rules.operations import operation


def allowed(
    rule: Rule, arrays: Mapping[str, np.ndarray], attributes: Mapping[str, Any], dy: np.ndarray
) -> Iterator[np.ndarray]:
    """For the result and each derivative, before broadcasting is undone."""
    known: dict[str, Any] = {k: bounded(v) for k, v in arrays.items()}
    own, other = _both(rule.name, known, attributes)
    yield _between(own, other)
    # each side has its own y, and each of the two is as far off as the bounds say
    error = np.maximum(own.error, other.error)
    known |= {rule.output: bounded(own.value, error), "d" + rule.output: bounded(dy)}
    for parameter in rule.wrt:
        yield _between(*_both(f"{rule.name}.d{parameter}", known, attributes))


def _both(
    name: str, known: Mapping[str, Any], attributes: Mapping[str, Any]
) -> tuple[Bounded, Bounded]:
    op = operation(name)
    inputs = [known[p] for p in op.parameters]
    options = {k: attributes[k] for k in op.attributes}

    def made(call: Callable[..., Any]) -> Bounded:
        with np.errstate(all="ignore"):
            result: Bounded = run(call, *inputs, **options)
        return result

    return made(op.call), made(FORMULAS.get(name, op.call))


def _between(own: Bounded, other: Bounded) -> np.ndarray:
    both = own.error.astype(np.float64) + other.error
    seen = np.abs(own.value.astype(np.float64) - other.value)
    return np.asarray(np.where(seen <= both, both, both + seen))
