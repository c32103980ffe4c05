"""Operators that pick, compare, order, reduce and multiply: PyTorch's own samples, and by hand."""

from collections import Counter
from itertools import islice
from typing import Any

import numpy as np
import pytest
import torch
from tests.rules.swept import Outcome, outcome, samples
from torch import Tensor, nn
from torch.testing._internal.common_methods_invocations import op_db

from backhand.capture.exported import capture
from backhand.errors import BackhandError
from backhand.passes.promotion import promoted
from backhand.rounding import bounded
from backhand.rules.register import rule

NAMES = (
    "__radd__", "__rmul__", "__rpow__", "__rsub__", "abs", "acos", "acosh", "add",
    "addbmm", "addcdiv", "addcmul", "addmm", "addmv", "addr", "all", "amax", "amin", "aminmax",
    "any", "argmax", "argmin", "argsort", "asin", "asinh", "atan", "atan2", "atanh", "baddbmm",
    "bmm", "cdist", "ceil", "clamp", "clamp_max", "clamp_min", "cosh", "cross", "cumprod",
    "cumsum", "diff", "div", "dot", "einsum", "eq", "exp2", "floor", "fmod", "frac", "gather",
    "ge", "gt", "hypot", "index_add", "index_copy", "index_fill", "index_select",
    "inner", "isfinite", "isinf", "isnan", "kron", "le", "lerp", "linalg.cross",
    "linalg.multi_dot", "linalg.vector_norm", "log10", "log2", "logaddexp", "logcumsumexp",
    "logical_and", "logical_not", "logical_or", "logical_xor", "lt", "masked_fill", "matmul",
    "maximum", "mean", "minimum", "mm", "mul", "mv", "ne", "neg", "nn.functional.bilinear",
    "nn.functional.linear", "norm", "outer", "pow", "prod", "reciprocal", "remainder", "round",
    "rsqrt", "rsub", "scatter_add", "select_scatter", "sign", "sinh", "slice_scatter",
    "square", "std", "std_mean", "sub", "sum", "take", "take_along_dim", "tensordot",
    "trace", "true_divide", "trunc", "var", "var_mean", "vdot", "where", "xlogy",
)  # fmt: skip
OPERATORS = [(op.name, op.variant_test_name) for op in op_db if op.name in NAMES]
AT_MOST = 6
"""Samples of each operator: they are spread over all that there are."""

REFUSED = {
    ("norm", "nuc"): "it needs singular values",
    ("round", "decimals_0"): "the rule is for whole numbers",
    ("round", "decimals_3"): "the rule is for whole numbers",
    ("round", "decimals_neg_3"): "the rule is for whole numbers",
}


def every(name: str, variant: str, dtype: torch.dtype) -> list[Outcome]:
    count = sum(1 for _ in samples(name, variant, dtype))
    some = islice(samples(name, variant, dtype), 0, None, -(-count // AT_MOST))
    # a number without an axis along which to work is the one thing that PyTorch allows and we not
    return [outcome(module, module.inputs) for module in some if module.inputs]


@pytest.mark.parametrize(("name", "variant"), OPERATORS)
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_samples_agree_or_are_refused(name: str, variant: str, dtype: torch.dtype) -> None:
    found = every(name, variant, dtype)
    words = Counter(one.word for one in found)
    assert [one.reason for one in found if one.word == "differs"] == []
    assert words["agrees"] > 0 or (name, variant) in REFUSED


class Does(nn.Module):
    """A module of one function."""

    def __init__(self, function: Any) -> None:
        super().__init__()
        self.function = function

    def forward(self, *given: Tensor) -> Any:
        return self.function(*given)


def functions(function: Any, *given: Tensor) -> list[str]:
    """The rules that a module of this function is made of."""
    return [step.function for step in capture(Does(function), given).network.forward.body]


X = torch.arange(60.0, dtype=torch.float64).reshape(3, 4, 5)
I = torch.tensor([2, 0])  # noqa: E741  (as in x[i])


def test_indices_are_written_as_people_write_them() -> None:
    assert functions(lambda x, i: x[i], X, I) == ["index"]
    assert functions(lambda x, i: x[i, i], X, I) == ["index"]
    assert functions(lambda x, i: x[:, i], X, I) == ["index_second"]
    assert functions(lambda x, i: x[..., i], X, I) == ["index_last"]
    assert functions(lambda x, i: x[i, :, i], X, I) == ["index_axes"]


def test_a_mask_that_picks_is_refused() -> None:
    with pytest.raises(BackhandError, match="index"):
        capture(Does(lambda x: x[x > 0].sum()), (X,))


def test_a_mask_that_is_written_through_chooses() -> None:
    def function(x: Tensor, mask: Tensor) -> Tensor:
        y = x.clone()
        y[mask] = 1.5
        return y

    assert functions(function, X, X > 3) == ["where"]


def test_a_row_of_a_table_that_is_read_twice_gets_both_derivatives() -> None:
    backward = rule("embedding").backward
    assert backward is not None
    dy = np.array([[1.0, 2.0], [10.0, 20.0], [100.0, 200.0]])
    dw = backward.call(dy, np.array([1, 0, 1]), w_shape=(3, 2))
    assert dw.tolist() == [[10, 20], [101, 202], [0, 0]]


def test_the_row_of_the_padding_gets_none() -> None:
    backward = rule("padded_embedding").backward
    assert backward is not None
    dw = backward.call(np.ones((2, 2)), np.array([1, 0]), padding=1, w_shape=(3, 2))
    assert dw.tolist() == [[1, 1], [0, 0], [0, 0]]


def test_frequencies_of_rows_are_refused() -> None:
    table = nn.Embedding(4, 2, scale_grad_by_freq=True)
    with pytest.raises(BackhandError, match="scale_grad_by_freq"):
        capture(table, (torch.tensor([[1, 2], [3, 3]]),))


def test_a_derivative_through_zeros_of_a_running_product() -> None:
    # y = (a, ab, abc) with b = 0: da = 1 + b + bc = 1, db = a + ac = 2 + 10, dc = ab = 0
    backward = rule("cumprod").backward
    assert backward is not None
    assert backward.call(np.ones(3), np.array([2.0, 0.0, 5.0]), axis=0).tolist() == [1, 12, 0]


def test_letters_of_einsum_are_spelled_out() -> None:
    captured = capture(Does(lambda a, b: torch.einsum("...d,dh", a, b)), (X, X[0].T))
    (step,) = captured.network.forward.body
    assert dict(step.attributes)["equation"] == "abd,dh->abh"


def test_truths_become_numbers_in_a_step() -> None:
    assert functions(lambda x, m: x * m.double(), X, X > 3) == ["astype", "mul"]
    assert functions(lambda x, i: torch.where(i.bool(), x, 0.0), X, X.long()) == ["ne", "where"]


def test_whole_numbers_that_meet_floats_take_their_type() -> None:
    captured = capture(Does(lambda x, i: x * i + x[i]), (X.float()[0, 0], torch.arange(5)))
    body = promoted(captured.network).forward.body
    # the array that only picks stays whole
    assert [step.function for step in body] == ["astype_like", "mul", "index", "add"]
    assert [value.name for value in body[1].inputs] == [body[0].inputs[1].name, "%cast1"]


MOVED = {
    np.floor: (-3, 3), np.ceil: (-3, 3), np.trunc: (-3, 3), np.rint: (-3, 3), np.sinh: (-3, 3),
    np.cosh: (-3, 3), np.arcsin: (-1, 1), np.arccos: (-1, 1), np.arctan: (-3, 3),
    np.arcsinh: (-3, 3), np.arccosh: (1, 4), np.arctanh: (-0.99, 0.99),
}  # fmt: skip
OF_TWO = [np.floor_divide, np.remainder, np.fmod, np.arctan2, np.hypot]


@pytest.mark.parametrize("function", [*MOVED, *OF_TWO], ids=lambda f: f.__name__)
def test_bounds_hold_where_the_operands_may_move(function: np.ufunc) -> None:
    """Another implementation's operands are within twice the errors; so is its result."""
    draw = np.random.default_rng(0)
    low, high = MOVED.get(function, (-3, 3))
    xs = [draw.uniform(low, high, 4000) for _ in range(function.nin)]
    errors = [np.where(draw.random(4000) < 0.5, 10.0 ** draw.uniform(-9, -1, 4000), 0) for _ in xs]
    lifted = [bounded(x, error) for x, error in zip(xs, errors, strict=True)]
    with np.errstate(all="ignore"):
        found = function(*lifted)
        for share in (-2, -1, -0.3, 0.7, 2):
            moved = function(*(x + share * e for x, e in zip(xs, errors, strict=True)))
            away = np.abs(moved - found.value)
            room = 1e-13  # for the rounding of the moved operands themselves
            assert (np.isnan(away) | (away <= 2 * found.error + room)).all()


def test_an_order_is_unsure_where_two_numbers_may_change_places() -> None:
    order = np.argsort(bounded(np.array([3.0, 1.0, 1.1, 9.0]), np.array([0, 0.1, 0, 0])))
    assert order.value.tolist() == [1, 2, 0, 3]
    assert order.error.tolist() == [True, True, False, False]
