"""The exam's questions: hand-written programs, with faults that edits of their text plant.

What an edit plants is said in words of the catalogue, but nothing here reads its code. `right` has
several names where several describe the same program.
"""

from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent
SPECS = {
    "homework": HERE.parents[1] / "src" / "backhand" / "homework.toml",
    "classifier": HERE / "specs" / "classifier.toml",
    "regression": HERE / "specs" / "regression.toml",
    "binary": HERE / "specs" / "binary.toml",
}


@dataclass(frozen=True)
class Edit:
    """Text for text, and the mistake's names: any of them is right."""

    old: str
    new: str
    names: tuple[str, ...]


@dataclass(frozen=True)
class Case:
    """A program with some edits."""

    program: str
    edits: tuple[Edit, ...]

    @property
    def spec(self) -> Path:
        """The spec that it should be an implementation of."""
        return SPECS[self.program.partition("_")[0]]

    @property
    def text(self) -> str:
        """The program, edited.

        Raises:
            ValueError: if an edit finds nothing.
        """
        text = (HERE / "programs" / f"{self.program}.py").read_text(encoding="utf-8")
        for edit in self.edits:
            if edit.old not in text:
                raise ValueError(f"{self.program}: `{edit.old}` is not there")
            text = text.replace(edit.old, edit.new)
        return text

    def is_named(self, names: tuple[str, ...]) -> bool:
        """Whether these are the planted mistakes, each once, or the name of both together."""
        if names in TOGETHER.get(frozenset(edit.names[0] for edit in self.edits), ()):
            return True
        rest = list(names)
        for edit in self.edits:
            hit = next((n for n in rest if n in edit.names), None)
            if hit is None:
                return False
            rest.remove(hit)
        return not rest


DERIVATIVE = ("activation's derivative missing",)
MASK = ("mask not applied in the backward pass", "only the scale in the backward pass")
UNSCALED = ("mask not scaled", "scaled at test time instead of in training")
SWAPPED = ("keep and drop swapped",)
PRE = ("values before dropout used in dw",)
AXIS = ("softmax over the wrong axis",)
WHOLE = ("softmax over the whole batch",)
ASCENT = ("gradient ascent",)
SIGN = ("y - p for p - y",)
NEVER = ("gradient never divided by N",)
TWICE = ("gradient divided by N twice", "learning rate divided by the batch")
BIAS_MEAN = ("bias gradient averaged over the batch",)
NO_BIAS = ("biases not updated",)
TOO_SOON = ("earlier layer's gradient taken with the new weights",)
EPSILON = ("epsilon inside the logarithm",)

TOGETHER: dict[frozenset[str], tuple[tuple[str, ...], ...]] = {
    frozenset({PRE[0], MASK[0]}): (("mask ignored in the backward pass",),),
    # what the published answer to the homework does
    frozenset({"mask scaled backward, not forward", MASK[0]}): ((UNSCALED[0], MASK[0]),),
}
"""Two edits that make a third thing together, and what that is called."""

EDITS: dict[str, tuple[Edit, ...]] = {
    "homework_script": (
        Edit("da1 = dh*m", "da1 = dh", MASK),
        Edit("< 0.6) / 0.6", "< 0.6) * 1.0", UNSCALED),
        Edit("< 0.6) / 0.6", "< 0.4) / 0.6", SWAPPED),
        Edit("< 0.6) / 0.6", "< 0.6) / 0.36", ("mask scaled twice",)),
        Edit("dW2 = h.T", "dW2 = a1.T", PRE),
        Edit(
            "p - T",
            "(p - T) / len(X)",
            (
                "gradient divided by N though the loss is a sum",
                "learning rate divided by the batch",
            ),
        ),
        Edit("axis=1", "axis=0", AXIS),
        Edit("W1 -= lr*dW1\n    W2 -= lr*dW2", "W1 += lr*dW1\n    W2 += lr*dW2", ASCENT),
        Edit(
            "np.random.rand(*a1.shape)", "np.random.rand(1, 4)", ("one mask for the whole batch",)
        ),
        Edit("np.log(p)", "np.log(p + 1e-8)", EPSILON),
        Edit(
            "[[0,1],[1,0]]",
            "[[1,0],[0,1]]",
            ("labels one off", "inputs shuffled without labels", "targets inverted"),
        ),
        Edit("lr=0.01", "lr=0.1", ("another learning rate",)),
        Edit("range(100)", "range(99)", ("one epoch too many or too few",)),
        Edit(
            "da1 = dh*m\n",
            "da1 = dh*(np.random.rand(*a1.shape) < 0.6)/0.6\n",
            ("new mask in the backward pass",),
        ),
    ),
    "homework_functions": (
        Edit("dz1[z1<=0] = 0", "pass", DERIVATIVE),
        Edit("dz1 = dh*mask", "dz1 = dh.copy()", MASK),
        Edit("/(1-p_drop)\n", "\n", UNSCALED),
        Edit("binomial(1, 1-p_drop,", "binomial(1, p_drop,", SWAPPED),
        Edit("params[k] -= lr", "params[k] += lr", ASCENT),
        Edit("e.sum(axis=1, keepdims=True)", "e.sum()", WHOLE),
        Edit("probs - y\n", "y - probs\n", SIGN),
        Edit(
            "mask = np.ones_like(a1)",
            "mask = np.full_like(a1, 1 - p_drop)",
            ("scaled at test time as well",),
        ),
        Edit("return -np.sum(", "return np.sum(", ("loss with the wrong sign",)),
        Edit("return -np.sum(", "return -np.mean(", ("loss value averaged instead of summed",)),
        Edit("h.T.dot(dz2)", "a1.T.dot(dz2)", PRE),
        Edit(
            "lr*grads[k]",
            "lr*lr*grads[k]",
            ("learning rate applied twice", "another learning rate"),
        ),
        Edit("train=True)", "train=False)", ("no dropout in training",)),
    ),
    "homework_columns": (
        Edit("d @ self.h.T", "d @ self.a1.T", PRE),
        Edit("dh*self.mask*(self.z1>0)", "dh*(self.z1>0)", MASK),
        Edit("dh*self.mask*(self.z1>0)", "dh*self.mask", DERIVATIVE),
        Edit("> self.p)/(1-self.p)", "> self.p)/self.p", ("mask divided by the rate",)),
        Edit(
            "> self.p)/(1-self.p)",
            "> self.p)*(1-self.p)",
            ("mask multiplied by 1 - rate instead of divided",),
        ),
        Edit(
            "dh*self.mask*(self.z1>0)", "dh*self.mask*self.a1", ("ReLU itself for its derivative",)
        ),
        Edit("self.W1 -= self.lr*self.dW1", "pass", ("one weight not updated",)),
        Edit(
            "self.h = self.a1*self.mask",
            "self.h = self.a1",
            ("mask not applied in the forward pass",),
        ),
    ),
    "homework_long_names": (
        Edit(" * dropout_mask * (hidden", " * (hidden", MASK),
        Edit("> 0.4).astype(float) / 0.6", "> 0.4).astype(float)", UNSCALED),
        Edit("final_output - targets", "targets - final_output", ASCENT + SIGN),
    ),
    "homework_published": (
        Edit(
            "hidden * keep / (1 - dropout_rate)",
            "hidden * keep",
            ("mask scaled backward, not forward",),
        ),
        Edit(" * (dropped > 0) / (1 - 0.4)", "", MASK),
        Edit(
            " * (dropped > 0) / (1 - 0.4)",
            " * (dropped > 0)",
            ("mask scaled forward, not backward",),
        ),
    ),
    "homework_wrapper": (
        Edit("dY * self.mask * self.scale", "dY", MASK),
        Edit(
            "dY * self.mask * self.scale", "dY * self.mask", ("mask scaled forward, not backward",)
        ),
        Edit("dY * (self.Z > 0)", "dY * (dY > 0)", ("ReLU's gate read from the derivative",)),
    ),
    "classifier_samples": (
        Edit("delta2 = (prob - target) / n", "delta2 = prob - target", NEVER),
        Edit("dW1 += np.outer", "dW1 = np.outer", ("gradient of one example alone",)),
        Edit(" * (z_1 > 0)", "", DERIVATIVE),
        Edit(
            "labels = [0, 1, 1, 0]",
            "labels = [1, 0, 0, 1]",
            ("labels one off", "targets inverted", "inputs shuffled without labels"),
        ),
        Edit("    b1 -= 0.1 * db1\n", "", ("one weight not updated",)),
        Edit(
            "np.outer(a_1, delta2)",
            "np.outer(z_1, delta2)",
            ("sums before the activation used in dw",),
        ),
        Edit("    W1 -= 0.1 * dW1\n", "", ("one weight not updated",)),
        Edit(
            "    dW1, db1 = np.zeros_like(W1), np.zeros_like(b1)\n"
            "    dW2, db2 = np.zeros_like(W2), "
            "np.zeros_like(b2)\n    loss",
            "    if epoch == 0:\n        dW1, db1, dW2, db2 = [np.zeros_like(w) "
            "for w in (W1, b1, W2, b2)]\n    loss",
            ("gradient accumulated over epochs",),
        ),
    ),
    "classifier_layers": (
        Edit("dout.sum(axis=0)", "dout.mean(axis=0)", BIAS_MEAN),
        Edit("dout * (self.x > 0)", "dout", DERIVATIVE),
        Edit("dout * (self.x > 0)", "dout * (self.x < 0)", ("ReLU's gate the wrong way round",)),
        Edit(" / y.shape[0]", "", NEVER),
        Edit(" / y.shape[0]", " / y.shape[0] ** 2", TWICE),
        Edit("                layer.b -= learning_rate * layer.db\n", "", NO_BIAS),
        Edit("x @ self.W + self.b", "x @ self.W", ("bias not added",)),
        Edit("np.log(probs)", "np.log(probs + 1e-9)", EPSILON),
        Edit(
            "np.mean(np.sum(y * np.log(probs), axis=1))",
            "np.mean(y * np.log(probs))",
            ("averaged over another count",),
        ),
    ),
    "classifier_columns": (
        Edit("axis=0, keepdims=True)", "keepdims=True)", WHOLE),
        Edit(
            "db1 = np.sum(dZ1, axis=1, keepdims=True) / m",
            "db1 = np.sum(dZ1, axis=1, keepdims=True)",
            ("bias gradient never divided by N",),
        ),
        Edit(
            "dW1 = np.dot(dZ1, X.T) / m",
            "dW1 = 0 * parameters['W1']",
            ("earlier layer gets no gradient",),
        ),
        Edit(
            ' * (cache["Z1"] > 0)',
            ' * (1 - np.power(cache["A1"], 2))',
            ("derivative of another activation",),
        ),
        Edit("parameters[key] - learning", "parameters[key] + learning", ASCENT),
        Edit('cache["A2"] - Y', 'cache["A2"]', ("target not subtracted",)),
        Edit("np.maximum(Z1, 0)", "Z1", ("activation missing",)),
    ),
    "classifier_tuple": (
        Edit(
            "w1 = w1 - lr * dw1\n        b1 = b1 - lr * db1\n        w2",
            "w1 = w1 - lr * lr * dw1\n        b1 = b1 - lr * db1\n        w2",
            ("fault without a name",),
        ),
        Edit(
            "dz2 = (p - y) / len(y)",
            "dz2 = (p - y) * p * (1 - p) / len(y)",
            ("p - y multiplied by p (1 - p) once more",),
        ),
        Edit(
            "dz2 = (p - y) / len(y)",
            "dz2 = -y * (1 - p) / len(y)",
            ("softmax's derivative taken as p (1 - p)",),
        ),
        Edit("z1 * (z1 > 0)\n", "np.where(z1 > 0, z1, 0.01 * z1)\n", ("leaky ReLU for ReLU",)),
        Edit(
            "db1 = dz1.sum(0)",
            "db1 = da1.sum(0)",
            ("bias gradient of the derivative after the layer",),
        ),
        Edit("db2 = dz2.sum(0)", "db2 = dz2.mean(0)", BIAS_MEAN),
        Edit("dw2 = a1.T", "dw2 = z1.T", ("sums before the activation used in dw",)),
        Edit("np.log(p)", "np.log2(p)", ("logarithm of another base",)),
        Edit(
            "        z1, a1, p = forward(x, w1, b1, w2, b2)\n        dw1",
            "        z1, a1, p = forward(x, w1, b1, w2, b2)\n"
            "        w2 = w2 - lr * (a1.T @ ((p - y) / len(y)))\n"
            "        b2 = b2 - lr * ((p - y) / len(y)).sum(0)\n        dw1",
            ("fault without a name",),
        ),
    ),
    "regression_class": (
        Edit("d = 2 * (self.out", "d = (self.out", ("factor 2 of the squared error",)),
        Edit("(1 - self.H**2)", "(1 - self.H)", ("square missing in tanh's derivative",)),
        Edit(" * (1 - self.H**2)", "", DERIVATIVE),
        Edit(
            "(1 - self.H**2)",
            "(1 - np.tanh(self.H)**2)",
            ("activation's derivative taken at the output instead of the input",),
        ),
        Edit(
            "+ self.grads[k]",
            "+ (1 - self.momentum) * self.grads[k]",
            ("momentum in another form",),
        ),
        Edit(
            "self.momentum * self.velocity[k] + self.grads[k]",
            "self.grads[k]",
            ("momentum missing",),
        ),
        Edit(
            "self.params[k] -= self.lr * self.velocity[k]",
            "self.params[k] -= self.lr * (self.grads[k] + self.momentum * self.velocity[k])",
            ("Nesterov not asked for",),
        ),
        Edit(
            "np.mean((y_pred - y) ** 2)",
            "0.5 * np.mean((y_pred - y) ** 2)",
            ("half of the squared error",),
        ),
        Edit(
            "np.mean((y_pred - y) ** 2)",
            "np.sqrt(np.mean((y_pred - y) ** 2))",
            ("root of the squared error",),
        ),
        Edit(" / y.size", "", NEVER),
        Edit('+ P["b2"]', '- P["b2"]', ("bias subtracted",)),
    ),
    "binary_script": (
        Edit(
            "m_hat = m[k] / (1 - beta1**t)\n        v_hat = v[k] / (1 - beta2**t)",
            "m_hat, v_hat = m[k], v[k]",
            ("Adam without bias correction",),
        ),
        Edit("np.sqrt(v_hat) + eps", "np.sqrt(v_hat + eps)", ("epsilon inside the root",)),
        Edit(
            "beta1, beta2, eps = 0.9, 0.999", "beta1, beta2, eps = 0.999, 0.9", ("betas swapped",)
        ),
        Edit("np.sqrt(v_hat) + eps", "v_hat + eps", ("root missing",)),
        Edit(
            "m_hat = m[k] / (1 - beta1**t)",
            "m_hat = m[k]",
            ("one of Adam's bias corrections missing",),
        ),
        Edit("* H * (1 - H)", "", DERIVATIVE),
        Edit(
            "(y_hat - Y) / len(X)",
            "(y_hat - Y) * y_hat * (1 - y_hat) / len(X)",
            ("p - y multiplied by p (1 - p) once more",),
        ),
        Edit(
            " + (1 - Y) * np.log(1 - y_hat)", "", ("the half of the binary cross-entropy missing",)
        ),
        Edit(
            "params[k] -= 0.05 * m_hat / (np.sqrt(v_hat) + eps)",
            "params[k] -= 0.05 * grads[k]",
            ("another optimiser",),
        ),
    ),
    "binary_functions": (
        Edit("hidden * (1 - hidden)", "(1 - hidden)", ("square missing in tanh's derivative",)),
        Edit("hidden * (1 - hidden)", "(1 - hidden**2)", ("derivative of another activation",)),
        Edit(
            "np.exp(u) / (1 + np.exp(u))",
            "1 / (1 + np.exp(u))",
            ("sigmoid's exponent with the wrong sign",),
        ),
        Edit("(prediction - targets) / n", "(targets - prediction) / n", SIGN),
        Edit(
            "grad_B1 = d_sum.sum(axis=0)",
            "grad_B1 = d_hidden.sum(axis=0)",
            ("bias gradient of the derivative after the layer",),
        ),
        Edit("d_sum.sum(axis=0)", "d_sum.mean(axis=0)", BIAS_MEAN),
        Edit("d_sum.sum(axis=0)", "d_sum[0]", ("bias gradient not summed over the batch",)),
    ),
}

PAIRS: tuple[tuple[str, int, int], ...] = (
    ("homework_script", 0, 1), ("homework_script", 1, 9), ("homework_script", 4, 5),
    ("homework_script", 0, 11), ("homework_script", 3, 4), ("homework_script", 6, 0),
    ("homework_functions", 0, 1), ("homework_functions", 2, 4), ("homework_functions", 5, 9),
    ("homework_functions", 1, 11), ("homework_columns", 0, 1), ("homework_columns", 3, 6),
    ("homework_published", 0, 1), ("homework_wrapper", 0, 2),
    ("classifier_samples", 0, 4), ("classifier_samples", 2, 5), ("classifier_layers", 0, 1),
    ("classifier_layers", 3, 7), ("classifier_layers", 2, 5), ("classifier_columns", 2, 4),
    ("classifier_tuple", 1, 5), ("classifier_tuple", 4, 6), ("classifier_tuple", 3, 7),
    ("regression_class", 0, 4), ("regression_class", 2, 7), ("regression_class", 3, 5),
    ("binary_script", 0, 5), ("binary_script", 1, 7), ("binary_functions", 1, 3),
)  # fmt: skip
"""Two edits of one program, by their places in `EDITS`."""


def cases() -> list[Case]:
    """All questions: no fault, one, and two."""
    found = [Case(program, ()) for program in EDITS]
    found += [Case(program, (edit,)) for program, edits in EDITS.items() for edit in edits]
    found += [Case(p, (EDITS[p][i], EDITS[p][j])) for p, i, j in PAIRS]
    return found
