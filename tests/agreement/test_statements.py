"""The statements of a program: what each makes, what it reads, what leads to a value."""

import textwrap

from backhand.agreement.statements import (
    statements,
    unsettled,
    update_statements,
    upstream,
)

PROGRAM = '''\
import numpy as np


def softmax(x):
    e = np.exp(x - x.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


def network(x, weights):
    """What comes out."""
    w1, w2 = weights
    z1 = x @ w1  # [B, 4]
    h = np.tanh(z1)
    p = softmax(
        h @ w2  # [B, 2]
    )
    return p, (h, p)


def network_loss(p, y):
    # the mean over rows
    return -(y * np.log(p)).sum() / len(p)


def network_backward(x, y, weights, saved):
    _, w2 = weights
    h, p = saved
    dz2 = (p - y) / len(p)
    dw2 = h.T @ dz2
    dh, dother = both(dz2, w2)
    dz1 = dh * (1 - h * h)
    dw1 = x.T @ dz1
    return dw1, dw2


def update(weights, gradients, state):
    for w, dw, (velocity,) in zip(weights, gradients, state):
        velocity *= 0.9
        velocity += dw
        w -= 0.1 * velocity


def train(x, y, weights):
    state = [np.zeros_like(w) for w in weights]
'''


def program(*lines: str) -> str:
    """A forward pass of these lines."""
    return "def network(x, weights):\n" + textwrap.indent("\n".join(lines), "    ") + "\n"


def test_every_value_of_the_three_passes_has_its_statement() -> None:
    found = statements(PROGRAM)
    assert list(found) == [
        "z1", "h", "p", "loss", "dz2", "dw2", "dh", "dother", "dz1", "dw1",
    ]  # fmt: skip
    assert {name: statement.function for name, statement in found.items()} == {
        **dict.fromkeys(["z1", "h", "p"], "network"),
        "loss": "network_loss",
        **dict.fromkeys(["dz2", "dw2", "dh", "dother", "dz1", "dw1"], "network_backward"),
    }


def test_a_statement_has_its_line_its_code_and_what_it_reads() -> None:
    z1 = statements(PROGRAM)["z1"]
    assert (z1.line, z1.code, z1.makes, z1.reads) == (12, "z1 = x @ w1", ("z1",), ("x", "w1"))
    assert PROGRAM.splitlines()[z1.line - 1] == "    z1 = x @ w1  # [B, 4]"
    assert statements(PROGRAM)["dz1"].reads == ("dh", "h", "h")


def test_a_statement_over_several_lines_is_one_line_without_its_comments() -> None:
    assert statements(PROGRAM)["p"].code == "p = softmax(h @ w2)"


def test_a_loss_that_is_returned_has_a_name() -> None:
    loss = statements(PROGRAM)["loss"]
    assert loss.code == "loss = -(y * np.log(p)).sum() / len(p)"
    assert set(loss.reads) == {"y", "np", "p", "len"}
    assert PROGRAM.splitlines()[loss.line - 1].strip().startswith("return -(y")


def test_a_loss_that_has_a_name_already_keeps_it() -> None:
    text = "def network_loss(p, y):\n    loss = p - y\n    return loss, (p,)\n"
    assert statements(text)["loss"].code == "loss = p - y"


def test_a_statement_that_makes_two_values_stands_for_both() -> None:
    found = statements(PROGRAM)
    assert found["dh"] is found["dother"]
    assert found["dh"].makes == ("dh", "dother")


def test_unpacking_makes_nothing() -> None:
    assert not {"w1", "w2", "_", "saved"} & set(statements(PROGRAM))


# --- what leads to a value ------------------------------------------------------------------------


def codes(name: str, *known: str) -> list[str]:
    return [s.code for s in upstream(name, statements(PROGRAM), frozenset(known))]


def test_upstream_of_a_value_whose_inputs_are_known_is_its_own_line() -> None:
    assert codes("dz1", "dh", "h") == ["dz1 = dh * (1 - h * h)"]


def test_upstream_goes_back_to_what_is_known_in_the_order_of_the_program() -> None:
    assert codes("dw1", "h", "p") == [
        "dz2 = (p - y) / len(p)",
        "dh, dother = both(dz2, w2)",
        "dz1 = dh * (1 - h * h)",
        "dw1 = x.T @ dz1",
    ]
    assert codes("h") == ["z1 = x @ w1", "h = np.tanh(z1)"]


def test_a_value_that_no_statement_makes_has_nothing_upstream() -> None:
    assert codes("x") == []


# --- updates --------------------------------------------------------------------------------------


def test_the_last_line_that_changes_each_thing_in_the_update() -> None:
    assert update_statements(PROGRAM) == {
        "velocity": "velocity += dw",
        "w": "w -= 0.1 * velocity",
    }
    assert update_statements("def network(x):\n    x += 1\n    return x\n") == {}


# --- values that are changed after they were made -------------------------------------------------


def test_a_program_as_it_is_written_changes_nothing() -> None:
    assert not unsettled(PROGRAM) - {"_"}


def test_what_is_changed_after_it_was_made() -> None:
    assert unsettled(program("z = x @ weights", "z += 1", "return z")) == {"z"}
    assert unsettled(program("z = x", "z = z + 1", "return z")) == {"z"}
    filled = program("z = np.zeros(3)", "for i in range(3):", "    z[i] = x[i]", "return z")
    assert unsettled(filled) == {"z"}
    assert unsettled(program("if x:", "    z = 1", "else:", "    z = 2", "return z")) == {"z"}
    assert unsettled(program("z = x[0]", "h = z[1]", "return h")) == frozenset()


def test_the_same_name_in_two_functions_is_two_values() -> None:
    text = program("h = x", "return h") + "def network_backward(h):\n    dh = h\n    return dh\n"
    assert unsettled(text) == frozenset()
