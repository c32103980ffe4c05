"""Lists that a body unpacks and puts together again."""

import pytest

from backhand.writers.layout import Line
from backhand.writers.modules.lists import pass_lists_on
from backhand.writers.modules.text import Block, FunctionText, code_of
from backhand.writers.modules.widths import Widths


def passed_on(*code: str, returned: str = "y") -> list[str]:
    text = FunctionText(Widths({}), parts=[Line(line) for line in code])
    pass_lists_on(text, [returned])
    return code_of(text.parts)


def test_a_list_is_joined_as_it_is() -> None:
    found = passed_on("a, b, c = every_z", "y = np.stack((a, b, c), axis=1)")
    assert found == ["y = np.stack(every_z, axis=1)"]


def test_what_a_line_makes_is_gone_through_as_it_is() -> None:
    found = passed_on("a, b = np.moveaxis(x, 1, 0)", "y = 0", "every_a = [a, b]")
    assert found == ["every_a = np.moveaxis(x, 1, 0)", "y = 0"]


@pytest.mark.parametrize(
    "code",
    [
        ("a, b = every_z", "y = np.stack((b, a))"),
        ("a, b = every_z", "y = np.stack((a, b, c))"),
        ("a, b = every_z", "y = np.stack((a, b)) + a"),
        ("a, b = every_z", "y = add(a, b)"),
        ("a, _ = every_z", "y = np.stack((a, _))"),
        ("a, b = np.split(x, 2)", "y = np.stack((a, b))"),
        ("a, b = every_z", "y = a", "c = np.stack((a, b))"),
    ],
)
def test_names_that_are_read_otherwise_stay(code: tuple[str, ...]) -> None:
    assert passed_on(*code) == list(code)


def test_what_is_returned_or_read_in_a_loop_stays() -> None:
    code = ("a, b = every_z", "y = np.stack((a, b))")
    assert passed_on(*code, returned="y, (a, b)") == list(code)
    text = FunctionText(
        Widths({}), parts=[*map(Line, code), Block("for i in range(2):", [Line("y = y + a")])]
    )
    pass_lists_on(text)
    assert code_of(text.parts)[:2] == list(code)


def test_a_quoted_line_is_quoted_as_it_is_then() -> None:
    code = "y = np.stack((a, b), axis=1)"
    text = FunctionText(Widths({}), parts=[Line("a, b = every_z"), Line(code)], quoted={"y": code})
    pass_lists_on(text)
    assert text.quoted == {"y": "y = np.stack(every_z, axis=1)"}
