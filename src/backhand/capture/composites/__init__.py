"""Operators of PyTorch that are a composition of our rules: several steps in the place of one.

    composed(step, arguments)     its steps, or None where nothing is known or it asks for more

`RECIPES` says which function writes the steps of which operator. A recipe takes the operator's
arguments by the schema's names and returns a value for each result; where it cannot say what is
asked for it raises `InexpressibleError`, and the operator is refused like any other without a rule.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from backhand.capture.composites.alone import ALONE
from backhand.capture.composites.attention import scaled_dot_product_attention
from backhand.capture.composites.broadcasting import at_least, broadcast_tensors
from backhand.capture.composites.builder import Builder, Given, InexpressibleError
from backhand.capture.composites.casts import CASTS
from backhand.capture.composites.distances import (
    cosine_embedding_loss,
    cosine_similarity,
    pairwise_distance,
    triplet_margin_loss,
)
from backhand.capture.composites.drawn import DRAWN
from backhand.capture.composites.empty import empty
from backhand.capture.composites.indexing import INDEXING
from backhand.capture.composites.losses import LOSSES
from backhand.capture.composites.products import PRODUCTS, complex_mul
from backhand.capture.composites.recurrent import (
    gru_cell,
    lstm_cell,
    recurrent,
    rnn_cell,
)
from backhand.capture.composites.reductions import REDUCTIONS
from backhand.capture.composites.resizing import RESIZED
from backhand.capture.composites.sampling import SAMPLED
from backhand.capture.composites.scaled import SCALED
from backhand.capture.pairs import PRODUCT
from backhand.graph import Step, Value

Recipe = Callable[..., Sequence[Value | None]]

RECIPES: Mapping[str, Recipe] = {
    **CASTS,
    **INDEXING,
    **ALONE,
    **DRAWN,
    **LOSSES,
    **RESIZED,
    **SAMPLED,
    **SCALED,
    **PRODUCTS,
    **REDUCTIONS,
    PRODUCT: complex_mul,
    "aten.broadcast_tensors.default": broadcast_tensors,
    **{f"aten.atleast_{n}d.Sequence": at_least for n in (1, 2, 3)},
    "aten.scaled_dot_product_attention.default": scaled_dot_product_attention,
    "aten.lstm.input": recurrent("lstm"),
    "aten.gru.input": recurrent("gru"),
    "aten.rnn_tanh.input": recurrent("rnn_tanh"),
    "aten.rnn_relu.input": recurrent("rnn_relu"),
    "aten.lstm_cell.default": lstm_cell,
    "aten.gru_cell.default": gru_cell,
    "aten.rnn_tanh_cell.default": rnn_cell("tanh"),
    "aten.rnn_relu_cell.default": rnn_cell("relu"),
    "aten.pairwise_distance.default": pairwise_distance,
    "aten.cosine_similarity.default": cosine_similarity,
    "aten.triplet_margin_loss.default": triplet_margin_loss,
    "aten.cosine_embedding_loss.default": cosine_embedding_loss,
}


def composed(step: Step, arguments: Mapping[str, Given]) -> tuple[Step, ...] | None:
    """The steps of rules in the place of one of PyTorch's, its last ones making what it made."""
    recipe: Any = RECIPES.get(step.function)
    if recipe is None or not step.made():
        return empty(step)
    builder = Builder(step)
    try:
        return builder.finished(recipe(builder, **arguments))
    except InexpressibleError:
        return empty(step)
