"""The self-test measures, certifies NumPy, PyTorch and our erf, and refuses what is too far off."""

import numpy as np
import pytest
import torch

from backhand.rounding import NotCertified, certify, self_test
from backhand.rounding.selftest import RANGES
from backhand.rules.special import erf


def from_torch(name: str):  # type: ignore[no-untyped-def]
    return lambda x: getattr(torch, name)(torch.from_numpy(x)).numpy()


def test_numpy_is_certified() -> None:
    found = certify()
    assert {m.function for m in found} == set(RANGES) - {"erf"}
    assert all(0.4 < m.measured <= m.stated for m in found)


def test_torch_and_our_erf_are_certified() -> None:
    certify({name: from_torch(name) for name in RANGES} | {"erf": erf})


def test_a_function_that_is_too_far_off_is_refused_by_name() -> None:
    def exp(x: np.ndarray) -> np.ndarray:
        return np.exp(x) * (1 + 5 * np.finfo(x.dtype).eps)

    with pytest.raises(NotCertified, match=r"exp float32: \d+\.\d+ ulp at .* EXCEEDS the stated 3"):
        certify({"exp": exp, "log": np.log})
    assert [m.ok for m in self_test({"log": np.log})] == [True, True]


def test_one_bad_number_is_enough() -> None:
    def tanh(x: np.ndarray) -> np.ndarray:
        y = np.tanh(x)
        y[y.size // 3] = np.nan
        return y

    assert not any(m.ok for m in self_test({"tanh": tanh}))
