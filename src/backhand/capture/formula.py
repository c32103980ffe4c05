"""One line of a spec, such as `z1 = x @ w1 + b1`, as steps of the graph.

The line is parsed, never run: only names, numbers, Python's arithmetic signs and calls of
operators of the register are let through.
"""

import ast
import math
import operator
from collections.abc import Callable
from dataclasses import dataclass, field

from backhand.errors import BackhandError, did_you_mean, shown
from backhand.graph import Attribute, Place, Step, Value
from backhand.rules.operations import operation, result_shapes
from backhand.rules.register import Rule, formula_rules, rule

SIGNS: dict[type[ast.operator], str] = {
    ast.Add: "add",
    ast.Sub: "sub",
    ast.Mult: "mul",
    ast.Div: "div",
    ast.MatMult: "matmul",
}
LONGEST = 2000
GENERATOR = Value("generator", (), "generator")


@dataclass
class Reader:
    """Reads formulas one after the other; `scope` grows with every name that is given."""

    scope: dict[str, Value]
    steps: list[Step] = field(default_factory=list)
    nameless: int = 0

    def read(self, text: str, name: str, place: Place) -> Value:
        """Append the steps of an expression; the last of them makes the value called `name`.

        Raises:
            BackhandError: if it is no formula, or its parts do not fit together.
        """
        try:
            value = self._value(parsed(text).body, place, name)
        except RecursionError:
            raise _too_deep() from None
        if value.name != name:
            raise BackhandError(
                "this only repeats a name",
                wanted="an operation, e.g. `relu(z)` or `a + b`",
                got=shown(text),
                repair=f"sum({shown(text)})"
                if name == "loss"
                else f"leave the line out and use `{shown(text)}` itself",
            )
        self.scope[name] = value
        return value

    def _value(self, node: ast.expr, place: Place, name: str = "") -> Value:
        if (number := _number(node)) is not None:
            return Value(repr(number), (), "constant", number)
        match node:
            case ast.Name(id=known):
                return self._known(known)
            case ast.UnaryOp(op=ast.USub()):
                return self._apply(rule("neg"), [node.operand], {}, place, name)
            case ast.BinOp():
                return self._sign(node, place, name)
            case ast.Call(func=ast.Name(id=called)):
                return self._call(called, node, place, name)
        raise _not_a_formula(ast.unparse(node))

    def _known(self, name: str) -> Value:
        if name not in self.scope:
            raise BackhandError(
                f"unknown name `{shown(name)}`",
                wanted="an input, a target, a weight, or the name of an earlier step",
                got=shown(name),
                repair=did_you_mean(
                    name, self.scope, f"known here: {', '.join(self.scope) or 'nothing yet'}"
                ),
            )
        return self.scope[name]

    def _sign(self, node: ast.BinOp, place: Place, name: str) -> Value:
        if isinstance(node.op, ast.Pow):
            exponent = _number(node.right)
            if exponent is not None:
                return self._apply(rule("pow"), [node.left], {"exponent": exponent}, place, name)
            return self._apply(rule("power"), [node.left, node.right], {}, place, name)
        if type(node.op) not in SIGNS:
            raise _not_a_formula(ast.unparse(node))
        if isinstance(node.op, ast.Add) and isinstance(node.right, ast.Name):
            bias = self._known(node.right.id)
            match node.left:
                case ast.BinOp(left=x, op=ast.MatMult(), right=w) if (
                    len(bias.shape) == 1 and bias.role == "parameter"
                ):
                    return self._affine(x, w, bias, place, name)
        return self._apply(rule(SIGNS[type(node.op)]), [node.left, node.right], {}, place, name)

    def _affine(self, x: ast.expr, w: ast.expr, bias: Value, place: Place, name: str) -> Value:
        """`x @ w + bias` as one step, if w is a matrix; a stack of them takes two."""
        factors = self._value(x, place), self._value(w, place)
        if len(factors[1].shape) == 2:
            return self._made(rule("affine"), (*factors, bias), {}, place, name)
        product = self._made(rule("matmul"), factors, {}, place, "")
        return self._made(rule("add"), (product, bias), {}, place, name)

    def _call(self, operator: str, node: ast.Call, place: Place, name: str) -> Value:
        known = rule(operator) if operator != "dropout_mask" else _no_operator(operator)
        arrays = array_parameters(known)
        most = len(arrays) + len(known.forward.attributes)
        if not len(arrays) <= len(node.args) <= most:
            raise BackhandError(
                f"`{operator}` takes {len(arrays)} array{'s' * (len(arrays) > 1)}",
                wanted=usage(known),
                got=shown(ast.unparse(node)),
            )
        attributes = dict(zip(known.forward.attributes, node.args[len(arrays) :], strict=False))
        given = {name: _attribute(value, operator) for name, value in attributes.items()}
        for keyword in node.keywords:
            if keyword.arg is None:
                raise _not_a_formula(ast.unparse(node))
            if keyword.arg in given:
                raise BackhandError(
                    f"`{keyword.arg}` is given twice",
                    wanted=usage(known),
                    got=shown(ast.unparse(node)),
                )
            if keyword.arg not in known.forward.attributes:
                raise BackhandError(
                    f"`{operator}` has no option `{keyword.arg}`",
                    wanted=usage(known),
                    repair=did_you_mean(keyword.arg, known.forward.attributes),
                )
            given[keyword.arg] = _attribute(keyword.value, operator)
        _check_attributes(known, given)
        if operator == "dropout":
            return self._dropout(node.args[0], given, place, name)
        return self._apply(known, node.args[: len(arrays)], given, place, name)

    def _dropout(
        self, node: ast.expr, attributes: dict[str, Attribute], place: Place, name: str
    ) -> Value:
        value = self._value(node, place)
        if not value.shape:
            raise BackhandError("dropout needs an array, not one number")
        mask = Value(self._unnamed(), value.shape)
        given = tuple(attributes.items())
        self.steps.append(Step("dropout_mask", (value, GENERATOR), (mask,), given, place))
        return self._made(rule("dropout"), (value, mask), attributes, place, name)

    def _apply(
        self,
        known: Rule,
        nodes: list[ast.expr],
        attributes: dict[str, Attribute],
        place: Place,
        name: str,
    ) -> Value:
        inputs = tuple(self._value(node, place) for node in nodes)
        return self._made(known, inputs, attributes, place, name)

    def _made(
        self,
        known: Rule,
        inputs: tuple[Value, ...],
        attributes: dict[str, Attribute],
        place: Place,
        name: str,
    ) -> Value:
        op = operation(known.name)
        full = {**known.forward.defaults, **attributes}
        full = {name: full[name] for name in known.forward.attributes}
        if all(value.literal is not None for value in inputs):
            raise BackhandError(
                "this is arithmetic on numbers alone", repair="write the result instead"
            )
        _check_ranks(known, inputs)
        (shape,) = result_shapes(op, inputs, full)
        made = Value(name or self._unnamed(), shape)
        self.steps.append(Step(known.name, inputs, (made,), tuple(full.items()), place))
        return made

    def _unnamed(self) -> str:
        self.nameless += 1
        return f"%{self.nameless}"


def parsed(text: str) -> ast.Expression:
    """The syntax tree of a formula."""
    if len(text) > LONGEST:
        raise BackhandError(
            f"a formula may have at most {LONGEST} characters",
            got=f"{len(text)}",
            repair="break it into steps",
        )
    try:
        return ast.parse(text.strip(), mode="eval")
    except (SyntaxError, ValueError) as error:
        if "nested" in str(error):
            raise _too_deep() from None
        raise _not_a_formula(text) from None
    except (MemoryError, RecursionError):
        raise _too_deep() from None


def _too_deep() -> BackhandError:
    return BackhandError("this formula is nested too deeply", repair="break it into steps")


def _not_a_formula(text: str) -> BackhandError:
    return BackhandError(
        "this is not a formula",
        wanted="names, numbers, + - * / ** @, and operators such as `relu(z)`",
        got=shown(text) or "nothing",
        repair="see docs/spec.md; each step reads `name = formula`",
    )


def _no_operator(name: str) -> Rule:
    raise BackhandError(f"unknown operator `{name}`", repair="did you mean `dropout`?")


ARITHMETIC: dict[type[ast.operator], Callable[[float, float], float]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
}


def _number(node: ast.expr) -> float | int | None:
    """The number that a formula of numbers alone stands for, worked out; None for others."""
    match node:
        case ast.Constant(value=int() | float() as value) if not isinstance(value, bool):
            return _finite(value, node)
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            inner = _number(operand)
            return None if inner is None else -inner
        case ast.BinOp(left=left, op=op, right=right) if type(op) in ARITHMETIC:
            first, second = _number(left), _number(right)
            if first is not None and second is not None:
                return _worked_out(node, ARITHMETIC[type(op)], first, second)
    return None


def _worked_out(
    node: ast.expr, sign: Callable[[float, float], float], first: float, second: float
) -> float:
    try:
        return _finite(sign(float(first), float(second)), node)
    except ZeroDivisionError:
        raise BackhandError("this divides by zero", got=shown(ast.unparse(node))) from None


def _finite(number: float, node: ast.expr) -> float:
    """The number, if float64 can hold it."""
    try:
        if math.isfinite(float(number)):
            return number if abs(number) < 2**53 else float(number)
    except OverflowError:
        pass
    raise BackhandError(
        "a number must be finite", wanted="at most 1.8e308", got=shown(ast.unparse(node))
    )


def _attribute(node: ast.expr, operator: str) -> Attribute:
    number = _number(node)
    if number is not None:
        return number
    if isinstance(node, ast.Constant) and isinstance(node.value, bool | str | None):
        return node.value
    raise BackhandError(
        f"an option of `{operator}` must be a plain number or word", got=shown(ast.unparse(node))
    )


def usage(known: Rule) -> str:
    """How an operator is called in a formula: `softmax(x, axis=-1)`."""
    defaults = known.forward.defaults
    options = [f"{n}={defaults[n]!r}" if n in defaults else n for n in known.forward.attributes]
    return f"{known.name}({', '.join([*array_parameters(known), *options])})"


def array_parameters(known: Rule) -> list[str]:
    """The arrays that a formula gives; a mask is drawn, not given."""
    return [p for p in known.forward.parameters if p != "mask"]


def _check_attributes(known: Rule, given: dict[str, Attribute]) -> None:
    for name in known.forward.attributes:
        if name not in given and name not in known.forward.defaults:
            raise BackhandError(f"`{known.name}` needs `{name}`", wanted=usage(known))
    for name, value in given.items():
        _check_attribute(known, name, value)


def _check_attribute(known: Rule, name: str, value: Attribute) -> None:
    """Raise unless an option is of the kind of its default, a number where it has none."""
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    default = known.forward.defaults.get(name, 0.0)
    if name == "rate":
        fits, wanted = is_number and 0 <= value < 1, "a number from 0 up to, but not including, 1"  # type: ignore[operator]
    elif name == "reduction":
        fits, wanted = value in ("sum", "mean"), "'sum' or 'mean'"
    elif name == "axis":
        fits, wanted = type(value) is int, "a whole number"
        if default is None:
            fits, wanted = fits or value is None, "a whole number, or None for all"
    elif isinstance(default, bool):
        fits, wanted = isinstance(value, bool), "True or False"
    elif isinstance(default, str):
        fits, wanted = isinstance(value, str), "a word in quotes"
    else:
        fits, wanted = is_number, "a number"
    if not fits:
        raise BackhandError(
            f"`{known.name}` cannot work with {name} = {shown(value)}",
            wanted=wanted,
            got=shown(value),
            repair="0.4 drops 40 % of the units" if name == "rate" else "",
        )


MATRICES = {"affine": 1, "linear": 1, "cross_entropy_logits": 0}
"""Operators one of whose inputs must be a matrix, and which."""


def _check_ranks(known: Rule, inputs: tuple[Value, ...]) -> None:
    """Raise where NumPy would broadcast but the operator means something else."""
    if known.output == "loss" and inputs[0].shape != inputs[1].shape:
        raise BackhandError(
            f"`{known.name}` compares arrays of the same shape",
            wanted=f"{_shape(inputs[0])}, as the first has it",
            got=f"{_shape(inputs[1])} for the second",
            repair="a target has a row for each example; "
            "{ classes = [1, 0], of = 2 } makes rows of class numbers",
        )
    which = MATRICES.get(known.name)
    if which is not None and len(inputs[which].shape) != 2:
        raise BackhandError(
            f"`{known.name}` takes a matrix for its `{known.forward.parameters[which]}`",
            wanted="two sizes, e.g. [B, 4]" if which == 0 else "two sizes, e.g. [3, 4]",
            got=_shape(inputs[which]),
        )


def _shape(value: Value) -> str:
    return "[" + ", ".join(map(str, value.shape)) + "]"


def operators() -> list[str]:
    """The operators that a formula may call."""
    return [name for name in formula_rules() if name != "dropout_mask"]
