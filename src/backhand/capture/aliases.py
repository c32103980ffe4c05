"""Operators of PyTorch that have a second name, and the one under which our rules know them."""

NAMES = {
    "absolute": "abs",
    "clip": "clamp",
    "divide": "div",
    "linalg_matmul": "matmul",
    "multiply": "mul",
    "row_stack": "vstack",
    "special_erf": "erf",
    "special_expit": "sigmoid",
    "special_expm1": "expm1",
    "special_log1p": "log1p",
    "special_logit": "logit",
    "special_logsumexp": "logsumexp",
    "special_round": "round",
    "subtract": "sub",
}
WHOLE = {
    "aten.special_softmax.default": "aten.softmax.int",
    "aten.special_log_softmax.default": "aten.log_softmax.int",
    "aten.special_xlogy.default": "aten.xlogy.Tensor",
}
"""Those whose form has another name too."""


def first_name(function: str) -> str:
    """`aten.mul.Tensor` for `aten.multiply.Tensor`; most have one name alone."""
    space, _, rest = function.partition(".")
    name, _, form = rest.partition(".")
    if space == "aten" and name in NAMES:
        return f"aten.{NAMES[name]}.{form}"
    return WHOLE.get(function, function)
