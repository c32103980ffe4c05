"""A sample of each operator that passes all of PyTorch's, and what the stored counts must say.

`make opinfo` tries every sample.
"""

from itertools import islice

import pytest

from tests.opinfo.judging import AGREES, INVALID, outcome
from tests.opinfo.results import PRECISIONS, passes, stored
from tests.opinfo.sweep import cases

RESULTS = stored()
PASSING = [name for name, record in RESULTS["operators"].items() if passes(record)]
GROUPS = 16
AT_LEAST = {"module": 60, "operator": 150}
"""How many are to pass every sample, forward and backward, in both precisions."""


@pytest.mark.parametrize("group", range(GROUPS))
def test_a_sample_of_each_operator_that_passes_all(group: int) -> None:
    for name in PASSING[group::GROUPS]:
        count = RESULTS["operators"][name]["float64"]["samples"]
        (case,) = islice(cases(name, "float64"), count // 2, count // 2 + 1)
        one = outcome(case.module, case.args, case.kwargs)
        assert one.word in (AGREES, INVALID), f"{name}: {one}"


def test_nothing_is_wrong() -> None:
    every = {name: record for part in RESULTS.values() for name, record in part.items()}
    wrong = [
        (name, precision)
        for name, record in every.items()
        for precision in PRECISIONS
        if record[precision].get("wrong")
    ]
    assert wrong == []


def test_as_many_pass_as_was_promised() -> None:
    assert len(PASSING) >= AT_LEAST["operator"]
    assert sum(map(passes, RESULTS["modules"].values())) >= AT_LEAST["module"]
