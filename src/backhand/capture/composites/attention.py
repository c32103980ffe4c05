"""Scaled dot-product attention: softmax(q @ k.T * scale) @ v, with its masks and its dropout."""

from backhand.capture.composites.builder import Builder, InexpressibleError
from backhand.graph import Value


def scaled_dot_product_attention(
    b: Builder,
    *,
    query: Value,
    key: Value,
    value: Value,
    attn_mask: Value | None,
    dropout_p: float,
    is_causal: bool,
    scale: float | None,
    enable_gqa: bool,
) -> tuple[Value]:
    """F.scaled_dot_product_attention; where `key` and `value` have fewer heads, each is repeated.

    A row that is masked wholly attends to nothing.
    """
    if enable_gqa:
        key, value = (_repeated(b, heads, query) for heads in (key, value))
    scores = _scores(b, query, key, scale)
    if is_causal:  # counted from the first position on both sides
        scores = b.step("causal", scores, wish="scores")
    if attn_mask is None:
        att = b.step("softmax", scores, wish="att", axis=-1)
    else:
        scores = _masked(b, scores, attn_mask)
        att = b.step("safe_softmax", scores, wish="att", axis=-1)
    if dropout_p:
        att = b.dropout(att, dropout_p)
    return (b.matmul(att, value),)


def _repeated(b: Builder, x: Value, query: Value) -> Value:
    """The heads of k or v, each as often as several heads of q share it."""
    heads, wanted = x.shape[-3], query.shape[-3]
    if heads == wanted:
        return x
    if not isinstance(heads, int) or not isinstance(wanted, int):
        raise InexpressibleError
    shape = (*x.shape[:-3], wanted, *x.shape[-2:])
    return b.step("repeat", x, shape=shape, repeats=wanted // heads, axis=-3)


def _scores(b: Builder, query: Value, key: Value, scale: float | None) -> Value:
    features = query.shape[-1]
    if scale is None:
        if not isinstance(features, int):
            raise InexpressibleError
        scale = features**-0.5
    *before, sources, last = key.shape
    kt = b.step("swapaxes", key, shape=(*before, last, sources), wish="kt", first=-2, second=-1)
    return b.step("mul", b.matmul(query, kt), scale, wish="scores")


def _masked(b: Builder, scores: Value, mask: Value) -> Value:
    """A mask of truths says what is attended to, one of numbers is added."""
    if mask.numbers == "bool":
        return b.step("where", mask, scores, float("-inf"), wish="scores")
    return b.step("add", scores, mask, wish="scores")
