"""Steps as LaTeX: their expressions translated, their names spelled as what they mean."""

import ast
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache

from backhand.graph import Attribute, Network, Step, Value
from backhand.rules.operations import Operation, operation
from backhand.rules.register import rule
from backhand.writers import expressions as ex
from backhand.writers.formulas import latex as tex
from backhand.writers.formulas.latex import Level, NoFormulaError, Term
from backhand.writers.formulas.meanings import Derivative, meanings, of_network
from backhand.writers.formulas.opened import body, helpers, opened
from backhand.writers.formulas.translate import Scope, translated

LOSS = "L"
NO_FORMULA = (NoFormulaError, SyntaxError, ArithmeticError, TypeError, ValueError)
"""What reading somebody's function can end in: not understood, or constants that do not fit."""


@dataclass(frozen=True)
class Right:
    """Right-hand sides, one for each result, and what the names in them stand for."""

    terms: tuple[Term, ...]
    where: tuple[str, ...] = ()


def forward_formula(step: Step, network: Network | None = None) -> str:
    """A step of the forward pass or of the loss in LaTeX; empty for one in another's line.

    Where a line of the program holds several steps, only the network knows the others.
    """
    if _is_nameless(step):
        return ""
    names = _forward_names(network) if network else _names((*step.inputs, *step.made()))
    if step.function == "dropout_mask":
        return _drawn(step, names)
    steps = network.steps if network else ()
    return _line(step, steps, lambda value: tex.named(names[value.name], value.shape))


def backward_formula(step: Step, network: Network) -> str:
    """A step of the backward pass in LaTeX; empty for a step that stands in another's line."""
    if _is_nameless(step):
        return ""
    assert network.backward is not None
    derivatives, names = meanings(network).derivatives, _forward_names(network)

    def term(value: Value) -> Term:
        if value.name in derivatives:
            return _derivative(derivatives[value.name], value, names)
        return tex.named(names[value.name], value.shape)

    return _line(step, network.backward.body, term)


@of_network
def _forward_names(network: Network) -> Mapping[str, str]:
    kinds = (network.forward, network.loss) if network.loss else (network.forward,)
    return _names(value for kind in kinds for value in kind.values())


def _names(values: Iterable[Value]) -> dict[str, str]:
    """LaTeX by name. The loss is `L`, a letter that no other value gets."""
    found = tex.identifiers(v.name for v in values if v.literal is None and not v.is_nameless)
    return found | ({"loss": LOSS} if "loss" in found else {})


def _line(step: Step, steps: Sequence[Step], term: Callable[[Value], Term]) -> str:
    """The equation of a step, the nameless steps before it written into it."""
    nameless: dict[str, Term] = {}

    def found(value: Value) -> Term:
        if value.literal is not None:
            return tex.number(value.literal)
        if value.is_nameless:
            return nameless.get(value.name, tex.named(r"\ldots", value.shape))
        return term(value)

    where: tuple[str, ...] = ()
    for part in _parts(step, steps):
        right = _right(part, found, where)
        (nameless[part.output.name],), where = right.terms, right.where
    return _equation([found(v).tex for v in step.made()], _right(step, found, where))


def _parts(step: Step, steps: Sequence[Step]) -> list[Step]:
    """The nameless steps that a step's line holds, in order."""
    wanted = {value.name for value in step.inputs if value.is_nameless}
    parts: list[Step] = []
    for earlier in reversed(steps if wanted else ()):
        if _is_nameless(earlier) and earlier.output.name in wanted:
            parts.append(earlier)
            wanted |= {value.name for value in earlier.inputs if value.is_nameless}
    return parts[::-1]


def _is_nameless(step: Step) -> bool:
    return all(value.is_nameless for value in step.made())


def _derivative(derivative: Derivative, value: Value, names: Mapping[str, str]) -> Term:
    text = rf"\frac{{\partial {LOSS}}}{{\partial {names[derivative.of.name]}}}"
    if derivative.unsummed:
        text = rf"\left.{text}\right|_{{\text{{unsummed}}}}"
    elif derivative.through:
        place = f",{derivative.place}" if derivative.place else ""
        text = rf"\left.{text}\right|_{{{names[derivative.through]}{place}}}"
    return Term(text, Level.POWER, value.shape, leads=True)


def _equation(left: list[str], right: Right) -> str:
    """`a = b`, or several of them, and what the names in them stand for."""
    if len(left) == len(right.terms):
        parts = [f"{a} = {b.tex}" for a, b in zip(left, right.terms, strict=True)]
    else:
        parts = [rf"{tex.parenthesised(', '.join(left))} = {right.terms[0].tex}"]
    text = r", \quad ".join(parts)
    return text + (r" \quad \text{where } " + r", \; ".join(right.where) if right.where else "")


def _drawn(step: Step, names: Mapping[str, str]) -> str:
    """A mask is drawn, not computed: what each of its elements can be, and how likely."""
    rate = Decimal(repr(dict(step.attributes)["rate"]))
    name, shape = names[step.output.name], step.output.shape
    index = "ijklmn"[: len(shape)]
    if set("_'") & set(name):
        name = tex.parenthesised(name)
    if not rate:
        return f"{name}_{{{index}}} = 1"
    kept, dropped = tex.number(1 - rate).tex, tex.number(rate).tex
    return (
        rf"{name}_{{{index}}} = \begin{{cases}} "
        rf"\frac{{1}}{{1 - {dropped}}} & \text{{with probability }} {kept} \\ "
        rf"0 & \text{{with probability }} {dropped} \end{{cases}}"
    )


# Right-hand sides


def _right(step: Step, term: Callable[[Value], Term], where: tuple[str, ...]) -> Right:
    """What a step computes: from its expression, else the textbook's, else its statements;
    where none of these can be read, the name of its function. `where` stands in its line already.
    """
    op = operation(step.function)
    inputs = {p: term(value) for p, value in zip(op.parameters, step.inputs, strict=True)}
    attributes = dict(step.attributes)
    try:
        if helpers(op):
            ranks = {p: len(t.shape) for p, t in inputs.items() if t.shape is not None}
            return _statements(step, opened(op, ranks), inputs, attributes, where)
    except NO_FORMULA:
        pass
    try:
        if len(op.expressions) == 1:
            return Right((_translated(op.expressions[0], inputs, attributes),), where)
        textbook = "" if "." in step.function else rule(step.function).means
        if textbook:
            return Right((_translated(ex.parse(textbook), inputs, attributes),), where)
    except NO_FORMULA:
        pass
    try:
        return _statements(step, body(op), inputs, attributes, where)
    except NO_FORMULA:
        return Right((_called(step, op, inputs, attributes),), where)


def _translated(
    expression: ast.expr, inputs: Mapping[str, Term], attributes: Mapping[str, Attribute]
) -> Term:
    literals = {name: ex.literal(value) for name, value in attributes.items()}
    return translated(ex.substitute(expression, literals), Scope(inputs))


def _statements(
    step: Step,
    statements: Iterable[ast.stmt],
    inputs: Mapping[str, Term],
    attributes: Mapping[str, Attribute],
    before: tuple[str, ...],
) -> Right:
    """A body that gives names to parts of its result: the result, where these names are so."""
    known, where = dict(inputs), list(before)
    pending = list(statements)
    while pending:
        match pending.pop(0):
            case ast.Expr(value=ast.Constant()):
                continue
            case ast.If(test=test, body=body, orelse=orelse):
                literals = {name: ex.literal(value) for name, value in attributes.items()}
                decided = ex.constant(ex.substitute(test, literals))
                if decided is None:
                    raise NoFormulaError("a branch that depends on numbers")
                pending[:0] = body if decided[0] else orelse
            case ast.Assign(targets=[target], value=value):
                parts = _assigned(target, value)
                found = [_translated(part, known, attributes) for _, part in parts]
                for (name, _), term in zip(parts, found, strict=True):
                    known[name] = _local(name, term, known, where)
            case ast.Return(value=ast.expr() as result):
                results = result.elts if isinstance(result, ast.Tuple) else [result]
                wanted = zip(step.outputs, results, strict=True)
                results_made = (_translated(r, known, attributes) for out, r in wanted if out)
                return Right(tuple(results_made), tuple(where))
            case other:
                raise NoFormulaError(ast.unparse(other))
    raise NoFormulaError("a body without a result")


def _assigned(target: ast.expr, value: ast.expr) -> list[tuple[str, ast.expr]]:
    targets, values = [target], [value]
    if isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple):
        targets, values = target.elts, value.elts
    names = [t.id for t in targets if isinstance(t, ast.Name)]
    if not len(names) == len(targets) == len(values):
        raise NoFormulaError(ast.unparse(target))
    return list(zip(names, values, strict=True))


def _local(name: str, term: Term, known: Mapping[str, Term], where: list[str]) -> Term:
    """The name of a part, noted; an alias, or a name given anew, is written out instead."""
    if name in known or (term.level >= Level.ATOM and "(" not in term.tex):
        return term
    text = tex.identifier(name)
    taken = [*(other.tex for other in known.values()), *where]
    while any(_stands_in(text, other) for other in taken):
        text += "'"
    where.append(f"{text} = {term.tex}")
    return tex.named(text, term.shape)


def _stands_in(name: str, text: str) -> bool:
    return bool(re.search(rf"(?<![A-Za-z\\]){re.escape(name)}(?![A-Za-z_'])", text))


def _called(
    step: Step, op: Operation, inputs: Mapping[str, Term], attributes: Mapping[str, Attribute]
) -> Term:
    r"""`\operatorname{gelu}(z)`, with the options that are not the usual ones."""
    name = op.name if "." not in op.name else op.function.name
    options = [
        rf"{tex.plain(key)} = {_option(value)}"
        for key, value in attributes.items()
        if key not in op.function.defaults or op.function.defaults[key] != value
    ]
    arguments = [inputs[p].tex for p in op.parameters] + options
    shape = step.made()[0].shape if len(step.made()) == 1 else None
    return tex.applied(tex.operator(name), arguments, shape)


def _option(value: Attribute) -> str:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return tex.number(value).tex
    if isinstance(value, tuple):
        return tex.parenthesised(", ".join(map(_option, value)))
    # words come from a spec, and latex2mathml escapes nothing within \text
    return rf"\text{{{re.sub(r'[^A-Za-z0-9., -]', ' ', str(value))}}}"


# In a browser


@lru_cache(maxsize=4096)
def mathml(latex: str, *, block: bool = True) -> str:
    """LaTeX of this module as MathML.

    latex2mathml writes what MathML Core does not draw, or draws with the wrong spaces: bold by an
    attribute, functions as signs between two operands, `log p` without a space.
    """
    from latex2mathml.converter import convert  # a tenth of a second, for reports only

    text = convert(latex, display="block" if block else "inline")
    text = text.replace('<mn mathvariant="bold">1</mn>', "<mn>\U0001d7cf</mn>")
    opening = r"(?=(?:<mrow>)?<mo[^>]*>&#x00028;)"
    text = re.sub(rf"<mo>([A-Za-z]+)</mo>{opening}", r"<mi>\1</mi>", text)
    space = '<mspace width="0.167em" />'
    return re.sub(r"<mi>log</mi>(?!(?:<mrow>)?<mo)", f"<mi>log</mi>{space}", text)
