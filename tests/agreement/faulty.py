"""Networks that use every rule, with slips planted into their programs one at a time."""

import ast
from dataclasses import replace
from pathlib import Path

import numpy as np

from backhand.agreement.feeding import FedProgram, Values
from backhand.agreement.formulas import torch_formulas
from backhand.agreement.ledger import Key, Ledger
from backhand.agreement.slips import Slip, planted
from backhand.agreement.units import uses
from backhand.experiment import Experiment
from backhand.run.reference import run_torch
from backhand.writers.files import write_programs
from backhand.writers.program import Program

EPOCHS = 2
"""The first draws masks, the second is the first in which what is stale differs."""

KEEP = '''

_kept = {}


def keep(name, value):
    """The value that this got the time before, of the same name and shape."""
    before = _kept.get((name, value.shape), value)
    _kept[name, value.shape] = np.copy(value)
    return before
'''


def arrays(**shapes: tuple[int, ...]) -> str:
    """Normal numbers of these shapes as lines of a spec, always the same."""
    lines = []
    for name, shape in shapes.items():
        draw = np.random.default_rng(sum(map(ord, name)))
        scale = 1 / np.sqrt(shape[0]) if name.startswith("w") else 0.5
        lines.append(f"{name} = {np.round(scale * draw.normal(size=shape), 3).tolist()}")
    return "\n".join(lines)


def spec(
    steps: list[str], weights: str, target: str, loss: str, optimizer: str, inputs: str
) -> str:
    """The text of a spec with one target `y`."""
    quoted = ",\n".join(f'  "{step}"' for step in steps)
    output = steps[-1].partition(" ")[0]
    return (
        f"seed = 5\n[inputs]\n{inputs}\n[targets]\ny = {target}\n[weights]\n{weights}\n[network]\n"
        f'steps = [\n{quoted}\n]\noutputs = ["{output}"]\nloss = "{loss}"\n'
        f"[training]\nepochs = {EPOCHS}\n{optimizer}\n"
    )


X = arrays(x=(4, 3))
ONE_HOT = "[[1, 0], [0, 1], [0, 1], [1, 0]]"
SOFT = "[[0.7, 0.3], [0.2, 0.8], [0.5, 0.5], [0.9, 0.1]]"

NETWORKS = {
    "activations": spec(
        ["h1 = relu(x @ w1 + b1)", "h2 = leaky_relu(h1 @ w2, slope=0.2)", "h3 = elu(h2 - b2)",
         "h4 = tanh(h3 @ w3)", "h5 = sigmoid(h4 @ w4)", "h6 = silu(h5 @ w5)",
         "h7 = softplus(h6)", "h8 = gelu(h7 - h6)", "h9 = dropout(h8, 0.3)", "h10 = gelu_tanh(h9)",
         "h11 = h10 @ w6", "p = softmax(h11)"],
        arrays(w1=(3, 5), b1=(5,), w2=(5, 4), b2=(4,), w3=(4, 6), w4=(6, 5), w5=(5, 4), w6=(4, 2)),
        ONE_HOT, "cross_entropy(p, y)", 'optimizer = "adam"\nlearning_rate = 0.01', X,
    ),
    "arithmetic": spec(
        ["h1 = x @ w1", "h2 = h1 * v1 + h1 / (2 + v2 ** 2)", "h3 = -h2", "h4 = exp(0.3 * h3)",
         "h5 = log(1 + h4 ** 2)", "h6 = sqrt(0.1 + h5 * h5)", "h7 = 1.5 ** tanh(h6)",
         "h8 = (0.5 + sigmoid(h7)) ** (1 + sigmoid(h6))",
         "h9 = h8 - mean(h8, axis=-1, keepdims=True)",
         "h10 = h9 / (1 + sum(h9 ** 2, axis=0, keepdims=True))",
         "h11 = h10 + 0.1 * max(h10, -1, True)",
         "q = h11 @ w2"],
        arrays(w1=(3, 5), v1=(5,), v2=(1, 5), w2=(5, 2)), arrays(t=(4, 2)).removeprefix("t = "),
        "mse(q, y) + 0.01 * (sum(w1 ** 2) + mean(v1 * v1))",
        "learning_rate = 0.02\nmomentum = 0.8\nnesterov = true\nweight_decay = 0.01", X,
    ),
    "logits": spec(
        ["h1 = affine(x, w1, b1)", "h2 = tanh(h1)", "h3 = linear(h2, v1, b2)", "h4 = h3 + h2",
         "h5 = dropout(relu(h4), 0.4)", "h6 = h5 * sigmoid(h5 @ w3)", "z = h6 @ w2"],
        arrays(w1=(3, 5), b1=(5,), v1=(5, 5), b2=(5,), w3=(5, 1), w2=(5, 2)),
        SOFT, "cross_entropy_logits(z, y, reduction='sum')",
        'optimizer = "adamw"\nlearning_rate = 0.01', X,
    ),
    "one hot logits": spec(
        ["h = log_softmax(x @ w1)", "z = h @ w2"], arrays(w1=(3, 5), w2=(5, 2)),
        ONE_HOT, "cross_entropy_logits(z, y)",
        'optimizer = "rmsprop"\ncentered = true\nmomentum = 0.9', X,
    ),
    "soft targets": spec(
        ["p = softmax(linear_no_bias(x, w1))"], arrays(w1=(2, 3)), SOFT, "cross_entropy(p, y)",
        "learning_rate = 0.1\nmomentum = 0.9", X,
    ),
    "probabilities": spec(
        ["h = tanh(x @ w1)", "p = sigmoid(h @ w2)"],
        arrays(w1=(3, 5), w2=(5, 2)), SOFT, "bce(p, y) + 0.5 * bce(0.1 + 0.8 * p, y)",
        "learning_rate = 0.1\nweight_decay = 0.1", X,
    ),
    "scores": spec(
        ["h = max(x @ w1, axis=1, keepdims=True)", "z = (h + x) @ w2"],
        arrays(w1=(3, 5), w2=(3, 2)), SOFT, "bce_logits(z, y)",
        'optimizer = "adam"\nweight_decay = 0.02\nbeta1 = 0.8\neps = 1e-6', X,
    ),
    "norms": spec(
        ["h1 = layer_norm(x @ w1, g1, b1)", "h2 = rms_norm(tanh(h1), g2)",
         "h3 = batch_norm(h2 @ w2, g3, b3)", "z = h3 @ w3"],
        arrays(w1=(3, 5), g1=(5,), b1=(5,), g2=(5,), w2=(5, 4), g3=(4,), b3=(4,), w3=(4, 2)),
        ONE_HOT, "cross_entropy_logits(z, y)", 'optimizer = "nadam"\nweight_decay = 0.1', X,
    ),
    "pictures": spec(
        ["h1 = relu(conv2d(pad(x, 1), w1, b1, padding=1))",
         "h2 = max_pool2d(h1, 3, stride=2, padding=1, ceil_mode=True)",
         "h3 = conv_transpose2d(h2, w2, b2, stride=2, padding=1)",
         "h4 = avg_pool2d(h3, 3, stride=2, padding=1, ceil_mode=True)",
         "h5 = adaptive_max_pool2d(h4, 3) + adaptive_avg_pool2d(h4, 3)",
         "h6 = conv1d(mean(swapaxes(h5), axis=2), w3, b3, padding=1)",
         "h7 = max_pool1d(h6, 2, padding=1) + avg_pool1d(h6, 2, 2, 1, False, False)",
         "h8 = conv_transpose1d(h7, w4, b4)",
         "h9 = adaptive_max_pool1d(h8, 2) + adaptive_avg_pool1d(h8, 2)",
         "z = flatten(tanh(h9)) @ w5"],
        arrays(w1=(2, 1, 3, 2), b1=(2,), w2=(2, 2, 2, 2), b2=(2,), w3=(2, 2, 2), b3=(2,),
               w4=(2, 2, 2), b4=(2,), w5=(4, 2)),
        ONE_HOT, "cross_entropy_logits(z, y)", "learning_rate = 0.1", arrays(x=(4, 1, 5, 5)),
    ),
    "pieces": spec(
        ["h1 = hardtanh(x @ w1, low=-0.5)", "h2 = relu6(3 + 9 * h1)", "h3 = hardsigmoid(h2 @ w2)",
         "h4 = hardswish(5 * h3 - 3)", "h5 = hardshrink(h4 @ w3, 0.2)", "h6 = softshrink(h5, 0.1)",
         "h7 = threshold(h6 @ w4, -0.3, 0.7)", "h8 = prelu(h7 - 0.2, v1)", "q = h8 @ w5"],
        arrays(w1=(3, 6), w2=(6, 5), w3=(5, 5), w4=(5, 5), v1=(5,), w5=(5, 2)),
        arrays(t=(4, 2)).removeprefix("t = "), "mse(q, y)", "learning_rate = 0.1", X,
    ),
    "smooth": spec(
        ["h1 = celu(x @ w1)", "h2 = selu(h1 @ w2)", "h3 = mish(h2 - 0.3)", "h4 = softsign(h3 @ w3)",
         "h5 = tanhshrink(3 * h4)", "h6 = logsigmoid(h5 @ w4)", "h7 = softmin(h6, axis=0)",
         "h8 = glu(h7 @ w5)", "q = h8 @ w6"],
        arrays(w1=(3, 6), w2=(6, 5), w3=(5, 5), w4=(5, 5), w5=(5, 8), w6=(4, 2)),
        arrays(t=(4, 2)).removeprefix("t = "), "mse(q, y)", "learning_rate = 0.1", X,
    ),
    "functions": spec(
        ["h1 = abs(x @ w1)", "h2 = rsqrt(0.3 + square(h1 @ w2))", "h3 = sin(h2) + cos(2 * h2)",
         "h4 = tan(0.4 * tanh(h3 @ w3))", "h5 = log1p(square(h4)) - expm1(0.5 * h4)",
         "h6 = erf(h5 @ w4)", "h7 = maximum(h6, v1) + minimum(h6 @ w5, h5)",
         "h8 = reciprocal(2.5 + clip(h7, -0.7, 0.8))", "q = h8 @ w6"],
        arrays(w1=(3, 6), w2=(6, 5), w3=(5, 5), w4=(5, 5), v1=(5,), w5=(5, 5), w6=(5, 2)),
        arrays(t=(4, 2)).removeprefix("t = "), "mse(q, y)", "learning_rate = 0.1", X,
    ),
    "axes": spec(
        ["h1 = cumsum(x @ w1)", "h2 = h1 / norm(h1, axis=-1, keepdims=True)",
         "h3 = (h2 - mean(h2, axis=0)) / (0.1 + std(h2, axis=0))",
         "h4 = h3 * prod(1 + 0.5 * h2, axis=-1, keepdims=True)",
         "h5 = h4 - logsumexp(h4, keepdims=True)", "q = h5 @ w2 * (1 + var(h5))"],
        arrays(w1=(3, 5), w2=(5, 2)),
        arrays(t=(4, 2)).removeprefix("t = "), "mse(q, y)", "learning_rate = 0.01", X,
    ),
    "regressions": spec(
        ["h = tanh(x @ w1)", "q = h @ w2"], arrays(w1=(3, 5), w2=(5, 2)),
        "[[0.2, 1.4], [0.9, 0.1], [2.3, 0.6], [3.1, 1.7]]",
        "l1(q, y) + smooth_l1(q, y, beta=0.7) + huber(q, y, delta=0.6) + kl_div(log_softmax(q), y) "
        "+ poisson_nll(q, y, full=True) + gaussian_nll(q, y, 0.3 + square(q))",
        "learning_rate = 0.02", X,
    ),
    "sides": spec(
        ["h = tanh(x @ w1)", "q = h @ w2"], arrays(w1=(3, 5), w2=(5, 2)),
        "[[1, -1], [-1, 1], [-1, -1], [1, 1]]\ns = [1, -1, -1, 1]\nt = "
        + arrays(t=(4, 2)).removeprefix("t = "),
        "soft_margin(q, y) + hinge_embedding(q, y) + margin_ranking(q, t * q, y, margin=0.3) "
        "+ cosine_embedding(q, sin(q) + t, s, margin=0.2) + triplet_margin(q, t, cos(q), margin=2)",
        "learning_rate = 0.02", X,
    ),
    "labels": spec(
        ["h = tanh(x @ w1)", "q = h @ w2"], arrays(w1=(3, 5), w2=(5, 2)),
        SOFT + "\nc = [[0.5, 2], [0.5, 2], [0.5, 2], [0.5, 2]]",
        "smoothed_cross_entropy(q, y) + weighted_cross_entropy(q, y, c) "
        "+ weighted_bce(sigmoid(q), y, c) + weighted_bce_logits(q, y, c) "
        "+ multilabel_soft_margin(q, y)",
        "learning_rate = 0.02", X,
    ),
}  # fmt: skip


class Trial:
    """A network whose PyTorch run is taken down once, and held against program after program."""

    def __init__(self, experiment: Experiment, folder: Path) -> None:
        self.experiment, self.folder = experiment, folder
        programs = write_programs(experiment)
        self.program = programs["numpy"]
        self.formulas = torch_formulas(experiment.network)
        self.passes: list[Values] = []

        def watch(epoch: int, values: Values) -> None:
            self.passes.append(dict(values))

        run_torch(
            programs["torch"], experiment, "float64", folder,
            watch=watch, uses=uses(experiment.network),
        )  # fmt: skip

    def first(self, program: Program) -> Key | None:
        """The first step of a program that parts from PyTorch, or that cannot be told; None if all
        agree."""
        ledger = Ledger("float64")
        with np.errstate(all="ignore"):
            fed = FedProgram(program, self.experiment, "float64", self.folder, self.formulas)
            for epoch, values in enumerate(self.passes):
                seen = fed.epoch(epoch, values) if epoch else fed.evaluation(values)
                ledger.enter(seen, values)
                if ledger.first:
                    return ledger.first
        return next((key for key, j in ledger.judgements.items() if j.verdict != "agrees"), None)

    def with_slip(self, slip: Slip) -> Program:
        """The program with a slip in it; a stale value is kept from epoch to epoch."""
        if slip.kind != "stale value":
            return replace(self.program, text=planted(self.program.text, slip))
        tree = _Kept().visit(ast.parse(ast.unparse(slip.tree)).body[0])
        tree = ast.copy_location(tree, slip.tree)
        text = planted(self.program.text, replace(slip, kind="wrong array", tree=tree))
        return replace(self.program, text=text + KEEP)


class _Kept(ast.NodeTransformer):
    """`__stale__("w")` as `keep("w", w)`."""

    def visit_Call(self, node: ast.Call) -> ast.expr:
        self.generic_visit(node)
        if isinstance(node.func, ast.Name) and node.func.id == "__stale__":
            (name,) = node.args
            assert isinstance(name, ast.Constant)
            node.func.id = "keep"
            node.args.append(ast.Name(str(name.value), ast.Load()))
        return node
