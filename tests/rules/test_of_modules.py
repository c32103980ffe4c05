"""Every rule that only modules use against PyTorch, forward and backward, within bounds."""

import numpy as np
import pytest
from tests.rules.of_modules import ModuleTrial

from backhand.rules import all_rules

RULES = {
    name: rule
    for name, rule in all_rules().items()
    if not rule.in_formulas and rule.forward.call.__module__.startswith("backhand.")
}
CASES = [
    pytest.param(name, i, id=f"{name}-{i}")
    for name, rule in RULES.items()
    for i in range(len(rule.examples))
]
every_case = pytest.mark.parametrize(("name", "number"), CASES)
both_dtypes = pytest.mark.parametrize("dtype", ["float64", "float32"])


@every_case
@both_dtypes
@pytest.mark.parametrize("seed", range(3))
def test_a_rule_agrees_with_pytorch(name: str, number: int, dtype: str, seed: int) -> None:
    trial = ModuleTrial.drawn(RULES[name], number, seed, dtype)
    assert {what: ratio for what, ratio in trial.excess() if not ratio <= 1} == {}


@every_case
def test_float32_stays_float32(name: str, number: int) -> None:
    trial = ModuleTrial.drawn(RULES[name], number, 0, "float32")
    floats = [y for y in trial.results if y.dtype.kind == "f"]
    parts = trial.backward(trial.arrays, trial.results, trial.derivatives) if trial.wrt else ()
    assert {np.asarray(a).dtype.name for a in (*floats, *parts)} <= {"float32"}
