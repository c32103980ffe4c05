r"""Reads a formula as a person does, and computes it: LaTeX to numbers.

It knows nothing of the writer but the notation: `\odot` is element by element, `a\, b` a product
of matrices or with a number, `[c]` is 1 where c holds, a sum that is given a label keeps its axis.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from backhand.rules import convolution, pooling, shapes
from backhand.rules.activations import sigmoid
from backhand.rules.softmax import log_softmax, softmax
from backhand.rules.special import erf

FUNCTIONS: dict[str, Callable[..., Any]] = {
    r"\operatorname{softmax}": softmax,
    r"\operatorname{sigmoid}": sigmoid,
    r"\mathrm{log\_softmax}": log_softmax,
    r"\operatorname{erf}": lambda x: erf(np.asarray(x)),
    r"\operatorname{reshape}": np.asarray,
    r"\tanh": np.tanh,
    r"\max": np.maximum,
    r"\min": np.minimum,
}
for _family in (convolution, pooling, shapes):
    for _name, _function in vars(_family).items():
        _spelled = _name.replace("_", r"\_")
        _kind = "mathrm" if "_" in _name else "operatorname"
        FUNCTIONS.setdefault(rf"\{_kind}{{{_spelled}}}", _function)
REDUCTIONS = {r"\sum": np.sum, r"\max": np.max}
COMPARISONS = {">": np.greater, "=": np.equal, r"\ge": np.greater_equal, "<": np.less}
TOKEN = re.compile(
    r"@\d+@|\\(?:operatorname|mathrm|text|mathbf)\{(?:[^{}]*)\}|\\(?:begin|end)\{cases\}"
    r"|\\left.|\\right.|\\[A-Za-z]+|\\\\|\\.|\d+(?:\.\d+)?|[A-Za-z]|\S"
)


def computed(formula: str, names: Mapping[str, Any]) -> Any:
    """The value of the right-hand side; `names` has the arrays by their LaTeX."""
    right = formula.split(" = ", 1)[1]
    right, _, rest = right.partition(r" \quad \text{where } ")
    known = dict(names)
    for local in rest.split(r", \; ") if rest else []:
        name, value = local.split(" = ", 1)
        known[name] = Reader(value, known).whole()
    return Reader(right, known).whole()


class Reader:
    """One expression, token by token."""

    def __init__(self, text: str, names: Mapping[str, Any]) -> None:
        self.values = list(names.values())
        # derivatives first: they hold other names
        for i, name in sorted(enumerate(names), key=lambda pair: -len(pair[1])):
            before = r"(?<![A-Za-z\\@\d])" if name[0].isalpha() else ""
            text = re.sub(before + re.escape(name) + r"(?![A-Za-z0-9_'])", f"@{i}@", text)
        self.tokens = [*TOKEN.findall(text), "end"]
        self.at = 0

    @property
    def next(self) -> str:
        return self.tokens[self.at]

    def take(self, *wanted: str) -> str:
        token = self.next
        assert not wanted or token in wanted, f"{wanted} wanted in {self.tokens} at {self.at}"
        self.at += 1
        return token

    def has(self, token: str) -> bool:
        if self.next == token:
            self.at += 1
            return True
        return False

    def whole(self) -> Any:
        value = self.sum()
        self.take("end")
        return value

    def sum(self) -> Any:
        value = -self.product() if self.has("-") else self.product()
        while self.next in "+-":
            sign = self.take()
            value = value + self.product() if sign == "+" else value - self.product()
        return value

    def product(self) -> Any:
        value = self.factor()
        while self.next in (r"\odot", r"\cdot", r"\,"):
            sign, right = self.take(), self.factor()
            is_matrix_product = sign == r"\," and np.ndim(value) and np.ndim(right)
            value = value @ right if is_matrix_product else value * right
        return value

    def factor(self) -> Any:
        if self.next in REDUCTIONS and not (self.next == r"\max" and self.opens(self.at + 1)):
            reduce = REDUCTIONS[self.take()]
            axes = self.axes() if self.has("_") else None
            body = self.product()
            axis = axes(np.ndim(body)) if axes else None
            return reduce(body, axis=axis, keepdims=axis is not None)
        if self.has(r"\log"):
            return np.log(self.power())
        return self.power()

    def opens(self, at: int) -> bool:
        return self.tokens[at] in ("(", r"\left(")

    def axes(self) -> Callable[[int], tuple[int, ...]]:
        self.take("{")
        words = self.take()[6:-1]
        self.take("}")
        if words in ("rows", "columns"):
            return lambda rank: (rank - 2 + ["rows", "columns"].index(words),)
        return lambda rank: tuple(map(int, re.findall(r"\d+", words)))

    def power(self) -> Any:
        value = self.atom()
        while self.has("^"):
            value = np.swapaxes(value, -1, -2) if self.has(r"\top") else value ** self.braced()
        return value

    def braced(self) -> Any:
        self.take("{")
        value = self.sum()
        self.take("}")
        return value

    def atom(self) -> Any:
        token = self.take()
        if token.startswith("@"):
            return self.values[int(token[1:-1])]
        if token[0].isdigit():
            return float(token)
        if token in FUNCTIONS:
            arguments, options = self.arguments()
            return FUNCTIONS[token](*arguments, **options)
        return {
            "(": lambda: self.closed(")"),
            r"\left(": lambda: self.closed(r"\right)"),
            "[": lambda: self.condition("]"),
            r"\left[": lambda: self.condition(r"\right]"),
            r"\left|": lambda: np.abs(self.closed(r"\right|")),
            r"\frac": lambda: self.braced() / self.braced(),
            r"\sqrt": lambda: np.sqrt(self.braced()),
            "e": lambda: np.exp(self.exponent()),
            r"\pi": lambda: np.pi,
            r"\mathbf{1}": self.ones,
            r"\begin{cases}": self.cases,
        }[token]()

    def closed(self, end: str) -> Any:
        value = self.sum()
        self.take(end)
        return value

    def exponent(self) -> Any:
        self.take("^")
        return self.braced()

    def arguments(self) -> tuple[list[Any], dict[str, Any]]:
        """The arguments of a function, and its options: `\\mathrm{stride} = 2`."""
        end = {"(": ")", r"\left(": r"\right)"}[self.take("(", r"\left(")]
        found, options = [self.sum()], dict[str, Any]()
        while self.has(","):
            if self.tokens[self.at + 1] == "=":
                name = self.take().removeprefix(r"\mathrm{").removesuffix("}").replace("\\_", "_")
                self.take("=")
                options[name] = self.option()
            else:
                found.append(self.sum())
        self.take(end)
        return found, options

    def option(self) -> Any:
        """A number, a pair of numbers, or a word."""
        if self.next.startswith(r"\text{"):
            return {"True": True, "False": False}[self.take()[6:-1]]
        if self.has("("):
            first = self.option()
            self.take(",")
            pair = first, self.option()
            self.take(")")
            return pair
        sign = -1 if self.has("-") else 1
        number = self.take()
        return sign * (int(number) if number.isdigit() else float(number))

    def comparison(self) -> Any:
        left = self.sum()
        return COMPARISONS[self.take()](left, self.sum())

    def condition(self, end: str) -> Any:
        value = self.comparison()
        self.take(end)
        return value * 1.0

    def ones(self) -> Any:
        self.take("_")
        self.has("{")
        sizes = [int(self.size())]
        while self.has(r"\times"):
            sizes.append(int(self.size()))
        self.has("}")
        return np.ones(sizes)

    def size(self) -> float:
        token = self.take()
        return float(self.values[int(token[1:-1])] if token.startswith("@") else token)

    def cases(self) -> Any:
        yes = self.sum()
        self.take("&")
        self.take(r"\text{if }")
        test = self.comparison()
        self.take(r"\\")
        no = self.sum()
        self.take("&")
        self.take(r"\text{otherwise}")
        self.take(r"\end{cases}")
        return np.where(test, yes, no)
