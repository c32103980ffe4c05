"""Operators that become several steps: forward and derivatives beside PyTorch, within bounds."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn
from torch.testing._internal.common_methods_invocations import op_db
from torch.utils import _pytree as pytree

from backhand.capture.exported import Captured, capture
from backhand.errors import BackhandError
from tests.capture.backwards import check_derivatives

X = torch.randn(3, 5, 8, dtype=torch.float64)
HEADS = [torch.randn(3, 2, 4, 6, dtype=torch.float64) for _ in range(3)]
both_modes = pytest.mark.parametrize("training", [False, True])


class Called(nn.Module):
    """One call of a function: its arrays of floats are the inputs, all else is fixed."""

    def __init__(self, function: Callable[..., Any], *args: Any, **kwargs: Any) -> None:
        super().__init__()
        self.function = function
        self.leaves, self.structure = pytree.tree_flatten((args, kwargs))

    @property
    def inputs(self) -> list[Tensor]:
        return [x for x in self.leaves if _is_input(x)]

    def forward(self, *given: Tensor) -> Any:
        left = iter(given)
        leaves = [next(left) if _is_input(x) else x for x in self.leaves]
        args, kwargs = pytree.tree_unflatten(leaves, self.structure)
        return self.function(*args, **kwargs)


def _is_input(x: Any) -> bool:
    return isinstance(x, Tensor) and x.is_floating_point()


def check(module: nn.Module, *args: Tensor, training: bool = False) -> Captured:
    module = module.to(args[0].dtype)
    captured = capture(module, args, training=training)
    check_derivatives(module.train(training), captured, args)
    return captured


def functions(captured: Captured) -> list[str]:
    return [step.function for step in captured.network.forward.body]


# --- attention ------------------------------------------------------------------------------------


def attention(*more: Any, **options: Any) -> Called:
    return Called(F.scaled_dot_product_attention, *HEADS, *more, **options)


def test_attention_is_the_steps_that_a_person_would_write() -> None:
    found = check(attention(dropout_p=0.5), *HEADS)
    assert functions(found) == [
        "swapaxes", "matmul", "mul", "softmax", "dropout_mask", "dropout", "matmul",
    ]  # fmt: skip
    scaled = found.network.forward.body[2]
    assert scaled.inputs[1].literal == 6**-0.5


@pytest.mark.parametrize(
    "options", [{"is_causal": True}, {"scale": 0.3}, {"is_causal": True, "dropout_p": 0.2}]
)
def test_attention_with_options(options: dict[str, Any]) -> None:
    check(attention(**options), *HEADS)


def test_causal_attention_counts_from_the_first_position_where_lengths_differ() -> None:
    q, k, v = HEADS
    for keys, values in ((k[..., :2, :], v[..., :2, :]), (k.repeat(1, 1, 2, 1),) * 2):
        called = Called(F.scaled_dot_product_attention, q, keys, values, is_causal=True)
        check(called, q, keys, values)


def test_a_row_that_is_masked_wholly_attends_to_nothing() -> None:
    mask = torch.rand(3, 1, 4, 4) > 0.5
    mask[1, :, 2] = False
    module = attention(mask)
    check(module, *HEADS)
    assert (module(*HEADS)[1, :, 2] == 0).all()
    added = torch.zeros(mask.shape, dtype=torch.float64).masked_fill(~mask, -torch.inf)
    check(attention(added), *HEADS, added)


def test_heads_of_keys_are_shared() -> None:
    q, k, v = HEADS[0].repeat(1, 2, 1, 1), *HEADS[1:]
    check(Called(F.scaled_dot_product_attention, q, k, v, enable_gqa=True), q, k, v)


class SelfAttention(nn.Module):
    def __init__(self, need_weights: bool, **options: Any) -> None:
        super().__init__()
        self.inner = nn.MultiheadAttention(8, 2, dropout=0.1, **options)
        self.need_weights = need_weights

    def forward(self, x: Tensor) -> Any:
        y, weights = self.inner(x, x, x, need_weights=self.need_weights)
        return (y, weights) if self.need_weights else y


@both_modes
@pytest.mark.parametrize("need_weights", [False, True])
@pytest.mark.parametrize(
    "options",
    [{}, {"batch_first": True}, {"add_bias_kv": True, "add_zero_attn": True}, {"bias": False}],
)
def test_multihead_attention(options: dict[str, Any], need_weights: bool, training: bool) -> None:
    check(SelfAttention(need_weights, **options), X, training=training)


@both_modes
def test_transformer_layers(training: bool) -> None:
    check(nn.TransformerEncoderLayer(8, 2, 16, norm_first=True), X, training=training)
    check(nn.TransformerDecoderLayer(8, 2, 16), X, X, training=training)


# --- recurrent layers -----------------------------------------------------------------------------

LAYERS: list[tuple[type[nn.RNNBase], dict[str, Any]]] = [
    (nn.LSTM, {}), (nn.GRU, {}), (nn.RNN, {}), (nn.RNN, {"nonlinearity": "relu"}),
]  # fmt: skip


@both_modes
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"bias": False},
        {"bidirectional": True, "batch_first": True},
        {"num_layers": 2, "dropout": 0.4},
        {"num_layers": 3, "dropout": 0.4, "bidirectional": True},
    ],
)
@pytest.mark.parametrize("layer", range(len(LAYERS)))
def test_recurrent_layers(layer: int, options: dict[str, Any], training: bool) -> None:
    cls, more = LAYERS[layer]
    check(cls(8, 2, **options, **more), X, training=training)


def test_last_states_are_made_only_where_they_are_read() -> None:
    class Outputs(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.lstm = nn.LSTM(8, 2, batch_first=True)

        def forward(self, x: Tensor) -> Any:
            return self.lstm(x)[0]

    found = functions(check(Outputs(), X))
    assert found == ["zeros", "zeros", "swapaxes", "select", "select", "add", "lstm", "swapaxes"]


def test_unbatched_layers_and_given_states() -> None:
    check(nn.LSTM(8, 2), X[0])
    check(nn.GRU(8, 2), X, torch.randn(1, 5, 2, dtype=torch.float64))


@pytest.mark.parametrize("bias", [False, True])
def test_cells(bias: bool) -> None:
    state = torch.randn(5, 2, dtype=torch.float64)
    check(nn.LSTMCell(8, 2, bias=bias), X[0])
    check(nn.GRUCell(8, 2, bias=bias), X[0], state)
    check(nn.RNNCell(8, 2, bias=bias), X[0], state)
    check(nn.RNNCell(8, 2, bias=bias, nonlinearity="relu"), X[0], state)


def test_projected_states_are_refused_by_name() -> None:
    with pytest.raises(BackhandError, match=r"aten\.lstm\.input"):
        capture(nn.LSTM(8, 4, proj_size=3).double(), (X,))


# --- PyTorch's own samples ------------------------------------------------------------------------

NAMES = (
    "cosine_embedding_loss", "cosine_similarity", "multi_head_attention_forward", "normalize",
    "pairwise_distance", "scaled_dot_product_attention", "triplet_margin_loss",
    "triplet_margin_with_distance_loss",
)  # fmt: skip
OPERATORS = {op.name.rpartition(".")[2]: op for op in op_db if op.name.startswith("nn.functional.")}
REFUSED = {"pairwise_distance": 1}
"""A sample with a distance that is none: p = -1."""
AT_MOST = 8
"""Samples tried of each operator: every second, third, ... where there are more."""


def samples(name: str, dtype: torch.dtype) -> Iterator[Called]:
    """PyTorch's function itself, for its own tests seed the generator within the call."""
    torch.manual_seed(0)
    found = list(OPERATORS[name].sample_inputs("cpu", dtype, requires_grad=False))
    for sample in found[:: len(found) // AT_MOST | 1]:
        called = Called(getattr(F, name), sample.input, *sample.args, **sample.kwargs)
        if 1 not in {len(x) for x in called.inputs if x.ndim}:  # a batch of one is captured as two
            yield called


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
@pytest.mark.parametrize("name", NAMES)
def test_samples_of_pytorch(name: str, dtype: torch.dtype) -> None:
    refused = 0
    for called in samples(name, dtype):
        try:
            check(called, *called.inputs)
        except BackhandError:
            refused += 1
    assert refused == REFUSED.get(name, 0)
