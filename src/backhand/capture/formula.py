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
from backhand.rules.register import Rule, all_rules, rule

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
            raise BackhandError("this formula is nested too deeply") from None
        if value.name != name:
            raise BackhandError(
                "this only repeats a name",
                wanted="an operation, e.g. `relu(z)` or `a + b`",
                got=shown(text),
                repair=f"leave the line out and use `{shown(text)}` itself",
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
        left = node.left
        is_affine = isinstance(left, ast.BinOp) and isinstance(left.op, ast.MatMult)
        if isinstance(node.op, ast.Add) and is_affine and isinstance(node.right, ast.Name):
            bias = self._known(node.right.id)
            if len(bias.shape) == 1 and bias.role == "parameter":
                assert isinstance(left, ast.BinOp)
                parts = [left.left, left.right, node.right]
                return self._apply(rule("affine"), parts, {}, place, name)
        return self._apply(rule(SIGNS[type(node.op)]), [left, node.right], {}, place, name)

    def _call(self, operator: str, node: ast.Call, place: Place, name: str) -> Value:
        known = rule(operator) if operator != "dropout_mask" else _no_operator(operator)
        arrays = array_parameters(known)
        attributes = dict(zip(known.forward.attributes, node.args[len(arrays) :], strict=False))
        given = {name: _attribute(value, operator) for name, value in attributes.items()}
        for keyword in node.keywords:
            if keyword.arg not in known.forward.attributes:
                raise BackhandError(
                    f"`{operator}` has no option `{keyword.arg}`",
                    wanted=usage(known),
                    repair=did_you_mean(keyword.arg or "", known.forward.attributes),
                )
            given[keyword.arg] = _attribute(keyword.value, operator)
        if len(node.args) < len(arrays) or len(node.args) > len(arrays) + len(
            known.forward.attributes
        ):
            raise BackhandError(
                f"`{operator}` takes {len(arrays)} array{'s' * (len(arrays) > 1)}",
                wanted=usage(known),
                got=shown(ast.unparse(node)),
            )
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
        if known.output == "loss" and inputs[0].shape != inputs[1].shape:
            raise BackhandError(
                f"`{known.name}` compares arrays of the same shape",
                wanted=f"{inputs[1].name} of the shape of {inputs[0].name}, {_shape(inputs[0])}",
                got=f"{inputs[1].name} {_shape(inputs[1])}",
            )
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
        raise BackhandError(f"a formula may have at most {LONGEST} characters")
    try:
        return ast.parse(text.strip(), mode="eval")
    except (SyntaxError, ValueError, MemoryError, RecursionError):
        raise _not_a_formula(text) from None


def _not_a_formula(text: str) -> BackhandError:
    return BackhandError(
        "this is not a formula",
        wanted="names, numbers, + - * / ** @, and operators such as `relu(z)`",
        got=shown(text),
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
            return number
    except OverflowError:
        pass
    raise BackhandError(
        "a number must be finite", wanted="at most 1.8e308", got=shown(ast.unparse(node))
    )


def _attribute(node: ast.expr, operator: str) -> Attribute:
    try:
        value = ast.literal_eval(node)
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        value = node
    if not (value is None or isinstance(value, bool | int | float | str)):
        raise BackhandError(
            f"an option of `{operator}` must be a plain number or word",
            got=shown(ast.unparse(node)),
        )
    return value


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
        _check_attribute(known.name, name, value)


def _check_attribute(operator: str, name: str, value: Attribute) -> None:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    wanted = {
        "rate": "a number from 0 up to, but not including, 1",
        "reduction": "'sum' or 'mean'",
        "axis": "a whole number, or None for all",
        "keepdims": "True or False",
        "slope": "a number",
        "alpha": "a number",
    }.get(name, "")
    fits = {
        "rate": is_number and 0 <= value < 1,  # type: ignore[operator]
        "reduction": value in ("sum", "mean"),
        "axis": value is None or type(value) is int,
        "keepdims": isinstance(value, bool),
        "slope": is_number,
        "alpha": is_number,
    }.get(name, True)
    if not fits:
        raise BackhandError(
            f"`{operator}` cannot work with {name} = {shown(value)}",
            wanted=wanted,
            got=shown(value),
            repair="0.4 drops 40 % of the units" if name == "rate" else "",
        )


def _shape(value: Value) -> str:
    return "[" + ", ".join(map(str, value.shape)) + "]"


def operators() -> list[str]:
    """The operators that a formula may call."""
    return [name for name in all_rules() if name != "dropout_mask"]
