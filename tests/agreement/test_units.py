"""Units of comparison, on small specs: what leads to a named value, and the single uses of one."""

from pathlib import Path

from backhand.agreement.units import makers, unit, uses
from backhand.capture.spec import parse
from backhand.graph import Network


def network(*steps: str, loss: str = 'loss = "mse(o, y)"', weights: str = "w = [[0.5]]") -> Network:
    quoted = ", ".join(f'"{step}"' for step in steps)
    text = f"""
[inputs]
x = [[1], [2]]
[targets]
y = [[1], [0]]
[weights]
{weights}
[network]
steps = [{quoted}]
{loss}
"""
    return parse(text, "small.toml", Path()).network


def functions(net: Network, name: str, *known: str) -> list[str]:
    return [step.function for step in unit(name, makers(net), frozenset(known))]


def test_every_value_has_its_maker() -> None:
    made_by = makers(network("z = x @ w", "o = tanh(z)"))
    assert [made_by[name].function for name in ("z", "o", "loss", "do", "dz", "dw")] == [
        "matmul", "tanh", "mse", "mse.dp", "tanh.dx", "matmul.db",
    ]  # fmt: skip
    assert "x" not in made_by
    assert "w" not in made_by


def test_a_nested_formula_is_one_unit_in_its_order() -> None:
    net = network("o = 1 / (1 - (x @ w + 2))")
    assert functions(net, "o", "x", "w") == ["matmul", "add", "sub", "div"]


def test_a_unit_stops_at_what_is_known() -> None:
    net = network("z = x @ w", "h = tanh(z)", "o = h * 2")
    assert functions(net, "o", "h") == ["mul"]
    assert functions(net, "o", "z") == ["tanh", "mul"]
    assert functions(net, "o", "x", "w") == ["matmul", "tanh", "mul"]
    assert functions(net, "x") == []


def test_what_is_read_twice_stands_once() -> None:
    net = network("z = x @ w", "o = z * tanh(z)")
    assert functions(net, "o", "x", "w") == ["matmul", "tanh", "mul"]


# --- uses -----------------------------------------------------------------------------------------


def test_a_value_that_is_used_once_has_no_parts() -> None:
    assert uses(network("z = x @ w", "o = tanh(z)")) == {}


def test_a_network_without_derivatives_has_no_parts() -> None:
    assert uses(network("z = x @ w", "o = z + tanh(z)", loss="")) == {}


def test_a_residual_connection() -> None:
    """z goes into h and past it."""
    net = network("z = x @ w", "h = tanh(z)", "o = z + h")
    assert uses(net) == {("h", "z"): "dz_h", ("o", "z"): "dz_o"}


def test_a_weight_that_the_loss_reads() -> None:
    net = network("o = x @ w", loss='loss = "mse(o, y) + 0.1 * sum(w * w)"')
    assert uses(net) == {("o", "w"): "dw_o", ("t", "w"): "dw_t"}


def test_a_value_that_one_line_reads_twice() -> None:
    """The graph tells the two apart, `dz_o` and `dz_o_2`; the line as a whole has one name."""
    assert uses(network("z = x @ w", "o = z * z")) == {("o", "z"): "dz_o"}


def test_dropout_reads_its_mask_and_its_argument() -> None:
    net = network("z = x @ w", "h = dropout(z, 0.5)", "o = h + z")
    assert uses(net) == {("h", "z"): "dz_h", ("o", "z"): "dz_o"}


def test_the_derivative_of_another_value_is_no_part() -> None:
    """`dz_h` is the derivative of `z_h` here, so what comes through h has another name."""
    net = network("z = x @ w", "h = tanh(z)", "z_h = h * 2", "o = z + h + z_h")
    assert uses(net) == {("z_h", "h"): "dh_z_h", ("t", "z"): "dz_t", ("t", "h"): "dh_t"}
