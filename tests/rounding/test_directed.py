"""The bound holds on inputs chosen to break it: NumPy, PyTorch where it can, every adversary."""

import pytest
from tests.rounding.checking import CORNERS, seen
from tests.rounding.directed import Case, cases

ALL = [(dtype, c) for dtype in ("float32", "float64") for c in cases(dtype)]
NOT_IN_TORCH = (
    "erf",
    "sqrt below",
    "var",
    "kinks",
    "sign(x)",
    "updates",
    "a write",
    "what does not",
)


@pytest.mark.parametrize(("dtype", "found"), ALL, ids=lambda v: v if isinstance(v, str) else v[0])
def test_no_violation(dtype: str, found: Case) -> None:
    name, made, errors = found
    with_torch = not any(part in name for part in NOT_IN_TORCH)
    result = seen(made, errors, torch=with_torch, corners=CORNERS)
    assert result.ok, (result.worst, result.where)
