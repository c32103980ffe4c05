"""What each rule does to a derivative, in words with gaps: `words` fills them.

A rule that is not here gets a sentence that is true of any rule.
"""

_STANDARDISED = (
    "{{that}} times {{g}}, less its mean {0} and less its part along the standardised {{x}}, "
    "divided by the standard deviation {0}"
)
_SPREAD = "{that} times {w}, window by window, put back to where each window lay and added up"
_TRANSPOSED_W = "what each window sees of {that}, times {x} at its place, all added up"
CLAUSES = {
    ("matmul", "a"): "{that} times the transpose of {b}",
    ("matmul", "b"): "the transpose of {a} times {that}",
    ("affine", "x"): "{that} times the transpose of {w}",
    ("affine", "w"): "the transpose of {x} times {that}",
    ("affine", "b"): "{that}, unchanged",
    ("linear", "x"): "{that} times {w}, which is stored transposed",
    ("linear", "w"): "the transpose of {that}, times {x}, because {w} is stored transposed",
    ("linear", "b"): "{that}, unchanged",
    ("add", "a"): "{that}, unchanged",
    ("add", "b"): "{that}, unchanged",
    ("sub", "a"): "{that}, unchanged",
    ("sub", "b"): "{that} with the opposite sign",
    ("neg", "x"): "{that} with the opposite sign",
    ("mul", "a"): "{that} times {b}",
    ("mul", "b"): "{that} times {a}",
    ("div", "a"): "{that} divided by {b}",
    ("div", "b"): "{that} times -{y} / {b}",
    ("pow", "x"): "{that} times {exponent} * {x}{lowered}",
    ("power", "a"): "{that} times ({b} * {a} ** ({b} - 1))",
    ("power", "b"): "{that} times {y} times the logarithm of {a}",
    ("exp", "x"): "{that} times {y}, because the exponential is its own derivative",
    ("log", "x"): "{that} divided by {x}",
    ("sqrt", "x"): "{that} divided by twice {y}",
    ("tanh", "x"): "{that} times (1 - {y} * {y}): where {y} is near -1 or 1, little is left",
    ("sigmoid", "x"): "{that} times {y} * (1 - {y}): where {y} is near 0 or 1, little is left",
    ("square", "x"): "{that} times 2 * {x}",
    ("reciprocal", "x"): "{that} times -{y} * {y}",
    ("rsqrt", "x"): "{that} times -{y} ** 3 / 2",
    ("sin", "x"): "{that} times the cosine of {x}",
    ("cos", "x"): "{that} times the sine of {x}, with the opposite sign",
    ("tan", "x"): "{that} times (1 + {y} * {y})",
    ("expm1", "x"): "{that} times ({y} + 1), which is exp({x})",
    ("log1p", "x"): "{that} divided by (1 + {x})",
    ("erf", "x"): "{that} times 2 / sqrt(pi) * exp(-{x} * {x}), the bell curve that erf sums up",
    ("prelu", "x"): "{that}, and where {x} is not above 0 {slope} times it",
    ("prelu", "slope"): "{that} times {x} where {x} is below 0, else 0",
    ("softsign", "x"): "{that} divided by (1 + |{x}|) ** 2: far from 0, little is left",
    ("tanhshrink", "x"): "{that} times tanh({x}) ** 2: near 0, little is left",
    ("logsigmoid", "x"): "{that} times sigmoid(-{x}): where {x} is large, little is left",
    ("logsumexp", "x"): "{that} times softmax({x}): the larger a number, the larger its share",
    ("var", "x"): "{that} times twice the distance from the mean, divided by the number less "
    "{correction}",
    ("std", "x"): "{that} times the distance from the mean, divided by {y} and by the number less "
    "{correction}",
    ("norm", "x"): "{that} times {x} / {y}: the direction of {x}",
    ("layer_norm", "x"): _STANDARDISED.format("over its row"),
    ("layer_norm", "g"): "{that} times the standardised {x}",
    ("layer_norm", "b"): "{that}, unchanged",
    ("batch_norm", "x"): _STANDARDISED.format("over the batch"),
    ("batch_norm", "g"): "{that} times the standardised {x}",
    ("batch_norm", "b"): "{that}, unchanged",
    ("rms_norm", "x"): (
        "{that} times {g}, less its part along {x} itself, divided by the root mean square of "
        "each row"
    ),
    ("rms_norm", "g"): "{that} times {x}, divided by the root mean square of each row",
    ("conv1d", "x"): _SPREAD,
    ("conv1d", "w"): "what each window saw of {x}, times {that} at its place, all added up",
    ("conv1d", "b"): "{that}, added up over the batch and all places",
    ("conv2d", "x"): _SPREAD,
    ("conv2d", "w"): "what each window saw of {x}, times {that} at its place, all added up",
    ("conv2d", "b"): "{that}, added up over the batch and all places",
    ("conv_transpose1d", "x"): "the window {w} moved over {that}",
    ("conv_transpose1d", "w"): _TRANSPOSED_W,
    ("conv_transpose1d", "b"): "{that}, added up over the batch and all places",
    ("conv_transpose2d", "x"): "the window {w} moved over {that}",
    ("conv_transpose2d", "w"): _TRANSPOSED_W,
    ("conv_transpose2d", "b"): "{that}, added up over the batch and all places",
    ("cross_entropy", "p"): "-{y} / {p}{mean}{by}",
    ("cross_entropy_logits", "z"): (
        "softmax({z}), times the sum of each row of {y}, minus {y}{mean}{by}"
    ),
    ("mse", "p"): "2 * ({p} - {y}){mean}{by}",
    ("bce", "p"): "({p} - {y}) / ({p} * (1 - {p})){mean}{by}",
    ("bce_logits", "z"): "sigmoid({z}) - {y}{mean}{by}",
    ("weighted_bce", "p"): "{weights} * ({p} - {y}) / ({p} * (1 - {p})){mean}{by}",
    ("weighted_bce_logits", "z"): (
        "sigmoid({z}), times {pos_weight} where {y} is 1, minus {pos_weight} * {y}{mean}{by}"
    ),
    ("multilabel_soft_margin", "z"): (
        "sigmoid({z}) - {y}, divided by the number of classes{mean}{by}"
    ),
    ("weighted_cross_entropy", "z"): (
        "softmax({z}), times the sum of each row of {weights} * {y}, minus {weights} * {y}"
        "{mean}{by}"
    ),
    ("smoothed_cross_entropy", "z"): "softmax({z}) minus the smoothed {y}{mean}{by}",
    ("l1", "p"): "the sign of {p} - {y}{mean}{by}",
    ("smooth_l1", "p"): "({p} - {y}) / {beta}, but from -1 to 1{mean}{by}",
    ("huber", "p"): "{p} - {y}, but from -{delta} to {delta}{mean}{by}",
    ("gaussian_nll", "p"): "({p} - {y}) / {var}{mean}{by}",
    ("gaussian_nll", "var"): "(1 - ({p} - {y}) ** 2 / {var}) / (2 * {var}){mean}{by}",
    ("soft_margin", "z"): "-{y} * sigmoid(-{y} * {z}){mean}{by}",
    ("margin_ranking", "a"): "-{y} where {a} has not the margin over {b}, else 0{mean}{by}",
    ("margin_ranking", "b"): "{y} where {a} has not the margin over {b}, else 0{mean}{by}",
}
"""By rule and parameter: what the derivative is, after `so its derivative is`. The names are the
rule's own; `that` is `that of` the result; `y` is the result where the rule takes no `y`."""

_LARGEST = (
    "Of each window of {x} only the largest number reaches {y}, the first of equal ones, so it "
    "alone gets {that_} there; windows that overlap add theirs."
)
_AVERAGED = (
    "Each window of {x} was averaged, so its numbers get equal shares of {that_} there; windows "
    "that overlap add theirs."
)
SENTENCES = {
    "relu": "Where {x} is above 0 ReLU passes the derivative on; elsewhere it is 0.",
    "leaky_relu": (
        "Where {x} is above 0 leaky ReLU passes the derivative on; elsewhere {slope} times it."
    ),
    "elu": (
        "Where {x} is above 0 ELU passes the derivative on; elsewhere it is multiplied by "
        "{alpha_}exp({x})."
    ),
    "silu": "SiLU is curved: {that_} is multiplied by its slope at each element of {x}.",
    "gelu": "GELU is curved: {that_} is multiplied by its slope at each element of {x}.",
    "gelu_tanh": "GELU is curved: {that_} is multiplied by its slope at each element of {x}.",
    "softplus": (
        "The slope of softplus is sigmoid({beta_}{x}), which {that_} is multiplied by; "
        "where {beta_}{x} is above {threshold} it is 1."
    ),
    "celu": (
        "Where {x} is above 0 CELU passes the derivative on; elsewhere it is multiplied by "
        "exp({x} / {alpha})."
    ),
    "selu": (
        "SELU multiplies the derivative by 1.0507, and where {x} is below 0 by "
        "1.6733 * exp({x}) as well."
    ),
    "mish": "Mish is curved: {that_} is multiplied by its slope at each element of {x}.",
    "hardtanh": "Where {x} lies between {low} and {high} the derivative passes; elsewhere it is 0.",
    "relu6": "Where {x} lies between 0 and 6 the derivative passes; elsewhere it is 0.",
    "hardsigmoid": "Where {x} lies between -3 and 3 a sixth of the derivative passes; "
    "elsewhere it is 0.",
    "hardswish": (
        "Above 3 hardswish passes the derivative on, below -3 nothing of it; between, it is "
        "multiplied by {x} / 3 + 0.5."
    ),
    "hardshrink": "Where {x} is farther than {lambd} from 0 the derivative passes; elsewhere it "
    "is 0.",
    "softshrink": "Where {x} is farther than {lambd} from 0 the derivative passes; elsewhere it "
    "is 0.",
    "threshold": "Where {x} is above {threshold} the derivative passes; elsewhere it is 0.",
    "clip": "Where {x} lies from {low} to {high} the derivative passes; elsewhere it is 0.",
    "abs": "Where {x} is below 0 the derivative changes its sign; where it is 0, it is 0.",
    "maximum": "The derivative goes to the larger of {a} and {b}; where they are equal, each gets "
    "half of it.",
    "minimum": "The derivative goes to the smaller of {a} and {b}; where they are equal, each gets "
    "half of it.",
    "softmin": (
        "The outputs of a softmin share a sum of 1, so what counts is how far {that_} lies below "
        "its average, weighted with {y}; that, times {y}, is the derivative of {x}."
    ),
    "glu": (
        "The second half of {x} decides how much of the first goes through: the first gets "
        "{that_} times that share, the second what the share would change."
    ),
    "cumsum": "Every element of {x} went into its own sum and all later ones, so it gets the sum "
    "of their derivatives.",
    "prod": "Every element of {x} was multiplied by all others, so it gets {that_} times their "
    "product.",
    "dropout": (
        "Dropout multiplied {x} by {mask}, so the derivative is multiplied by the same {mask}: "
        "a unit that was dropped gets none."
    ),
    "softmax": (
        "The outputs of a softmax share a sum of 1, so what counts is how far {that_} lies above "
        "its average, weighted with {y}; that, times {y}, is the derivative of {x}."
    ),
    "log_softmax": (
        "Raising an element of {x} raises its own output and, through the logarithm of the sum, "
        "lowers all of them by exp({y}): so from {that_}, exp({y}) times its sum is taken off."
    ),
    "sum": "Every element of {x} went into {y} as it is, so each gets {that_}, unchanged.",
    "mean": (
        "Every element of {x} went into {y} with the same weight, so each gets the same "
        "share of {that_}."
    ),
    **dict.fromkeys(("max_pool1d", "max_pool2d"), _LARGEST),
    **dict.fromkeys(("adaptive_max_pool1d", "adaptive_max_pool2d"), _LARGEST),
    **dict.fromkeys(("avg_pool1d", "avg_pool2d"), _AVERAGED),
    **dict.fromkeys(("adaptive_avg_pool1d", "adaptive_avg_pool2d"), _AVERAGED),
    "flatten": "No number was changed: {that_} is given the shape of {x} again.",
    "swapaxes": "No number was changed: the two axes of {that_} are swapped back.",
    "pad": "What was put around {x} is no part of it, so that part of {that_} is cut off again.",
    "max": "Only the largest of {x} reaches {y}, so it alone gets {that_}; equal ones share it.",
}
"""By rule: the whole sentence; `that_` is `the derivative of` the result."""

BY_ROW = frozenset(
    {"cross_entropy", "cross_entropy_logits", "weighted_cross_entropy", "smoothed_cross_entropy"}
    | {"multilabel_soft_margin", "cosine_embedding", "triplet_margin"}
)
"""Losses whose mean is one over rows."""

REPEATED = {
    ("add", "a"): "added to",
    ("add", "b"): "added to",
    ("affine", "b"): "added to",
    ("linear", "b"): "added to",
    ("layer_norm", "b"): "added to",
    ("batch_norm", "b"): "added to",
    ("sub", "b"): "subtracted from",
}
"""What a rule does with an operand that broadcasting repeats, where it is no more than that."""
