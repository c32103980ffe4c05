"""A part of the exam, and that its questions are asked right; `make exam` asks all of them."""

import ast

import pytest

from tests.faults.cases import EDITS, Case, cases
from tests.faults.exam import results

SAMPLE = (
    Case("homework_script", ()),
    Case("homework_script", (EDITS["homework_script"][0],)),
    Case("homework_functions", (EDITS["homework_functions"][3],)),
    Case("homework_wrapper", (EDITS["homework_wrapper"][0],)),
    Case("classifier_columns", ()),
    Case("classifier_tuple", (EDITS["classifier_tuple"][1],)),
    Case("regression_class", (EDITS["regression_class"][0],)),
    Case("binary_script", (EDITS["binary_script"][0],)),
    Case("homework_script", (EDITS["homework_script"][0], EDITS["homework_script"][1])),
)


@pytest.mark.parametrize("case", SAMPLE, ids=lambda c: f"{c.program}-{len(c.edits)}")
def test_named_first(case: Case) -> None:
    (result,) = results([case])
    assert result.answer == "right", (result.planted, result.names, result.error)


def test_every_edit_finds_its_text() -> None:
    every = cases()
    assert len(every) >= 60
    for case in every:
        ast.parse(case.text)
