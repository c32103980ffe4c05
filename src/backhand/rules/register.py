"""The register of rules: what a rule is, how one is added, how one is found.

A rule is two ordinary functions and a record. The function that is tested is the text that is
written out, so the register keeps functions and reads their source only when it is asked for.
"""

import ast
import inspect
import textwrap
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from types import FunctionType, MappingProxyType
from typing import Any

import numpy as np

from backhand.errors import BackhandError, did_you_mean
from backhand.graph import Attribute
from backhand.rules.patterns import Pattern, pattern

AMBIENT = ("generator", "training")
"""Names that a program supplies by itself: the NumPy side's generator, PyTorch's mode."""

DRAWN = "mask"
"""The input of a rule that is drawn in a step of its own, where PyTorch draws within the call."""

TOLD = ("shape", "count", "dtype")
"""Options that a pattern may leave out, for PyTorch's graph tells them of the result: its shape,
how many results there are, and what its numbers are (`float`, `int`, `bool`)."""


@dataclass(frozen=True)
class Sample:
    """Numbers to try a rule on: uniform between `low` and `high`."""

    low: float
    high: float
    shape: tuple[int, ...]

    def draw(self, generator: np.random.Generator) -> np.ndarray:
        """Fresh float64 numbers of this sample's shape."""
        return generator.uniform(self.low, self.high, self.shape)


def uniform(low: float, high: float, shape: tuple[int, ...]) -> Sample:
    """Short for `Sample`, for the line that registers a rule."""
    return Sample(low, high, shape)


@dataclass(frozen=True)
class WholeSample(Sample):
    """Whole numbers from `low` up to, not with, `high`; or truths."""

    dtype: str = "int64"

    def draw(self, generator: np.random.Generator) -> np.ndarray:
        """Fresh numbers of this sample's shape, in its own dtype whatever that of the floats."""
        return generator.integers(int(self.low), int(self.high), self.shape).astype(self.dtype)


def whole(low: int, high: int, shape: tuple[int, ...]) -> Sample:
    """Whole numbers from `low` up to, not with, `high`: classes, indices."""
    return WholeSample(low, high, shape)


def truths(shape: tuple[int, ...]) -> Sample:
    """True and False."""
    return WholeSample(0, 2, shape, "bool")


@dataclass(frozen=True)
class Example:
    """Arguments on which a rule is checked against PyTorch: samples by name, and attributes.

    A function that takes any number of arrays has them as `xs0`, `xs1`, ... for its `*xs`.
    """

    arrays: Mapping[str, Sample]
    attributes: Mapping[str, Attribute]


def example(**arguments: Sample | list[Sample] | Attribute) -> Example:
    """An example from keyword arguments: samples are arrays, everything else an attribute; a list
    of samples is for a parameter such as `*xs`."""
    arrays = {k: v for k, v in arguments.items() if isinstance(v, Sample)}
    attributes = {k: v for k, v in arguments.items() if not isinstance(v, Sample | list)}
    for name, samples in arguments.items():
        if isinstance(samples, list):
            arrays |= {f"{name}{number}": sample for number, sample in enumerate(samples)}
    return Example(MappingProxyType(arrays), MappingProxyType(attributes))


@dataclass(frozen=True)
class Function:
    """A function of a rule, and its text.

    Positional parameters are arrays; keyword-only parameters are attributes, literals in a graph.
    """

    name: str
    call: Callable[..., Any]

    @cached_property
    def signature(self) -> inspect.Signature:
        return inspect.signature(self.call)

    @cached_property
    def parameters(self) -> tuple[str, ...]:
        """Names of the arrays it takes; the last may be one that takes all that are left."""
        kinds = self.signature.parameters.values()
        arrays = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.VAR_POSITIONAL)
        return tuple(p.name for p in kinds if p.kind in arrays)

    @cached_property
    def rest(self) -> str:
        """The name of the parameter that takes any number of arrays (`*xs`), if there is one."""
        kinds = self.signature.parameters.values()
        return next((p.name for p in kinds if p.kind is p.VAR_POSITIONAL), "")

    def named(self, count: int) -> tuple[str, ...]:
        """The name of each of `count` arrays in order: `a`, `xs0`, `xs1`."""
        return spread(self.parameters, self.rest, count)

    @cached_property
    def attributes(self) -> tuple[str, ...]:
        """Names of the literals it takes."""
        kinds = self.signature.parameters.values()
        return tuple(p.name for p in kinds if p.kind is p.KEYWORD_ONLY)

    @cached_property
    def defaults(self) -> dict[str, Attribute]:
        """The literals that have a default."""
        parameters = self.signature.parameters
        given = {name: parameters[name].default for name in self.attributes}
        return {
            name: value for name, value in given.items() if value is not inspect.Parameter.empty
        }

    @cached_property
    def source(self) -> str:
        """The text as it stands in its module."""
        return textwrap.dedent(inspect.getsource(self.call)).rstrip() + "\n"

    @cached_property
    def tree(self) -> ast.FunctionDef:
        node = ast.parse(self.source).body[0]
        assert isinstance(node, ast.FunctionDef)
        return node

    @cached_property
    def expressions(self) -> tuple[ast.expr, ...]:
        """What it returns, if its body is one `return` (after a docstring): one expression for
        each result. Empty for a longer body."""
        body = [s for s in self.tree.body if not _is_docstring(s)]
        if len(body) != 1 or not isinstance(body[0], ast.Return) or body[0].value is None:
            return ()
        value = body[0].value
        return tuple(value.elts) if isinstance(value, ast.Tuple) else (value,)

    @cached_property
    def helpers(self) -> tuple["Function", ...]:
        """Functions of the same kind that its text calls, which a program must hold as well."""
        known = inspect.unwrap(self.call).__globals__
        calls = [n.func for n in ast.walk(self.tree) if isinstance(n, ast.Call)]
        names = [f.id for f in calls if isinstance(f, ast.Name)]
        called = [known.get(name) for name in dict.fromkeys(names)]
        return tuple(Function(f.__name__, f) for f in called if isinstance(f, FunctionType))


def spread(parameters: tuple[str, ...], rest: str, count: int) -> tuple[str, ...]:
    """The names of `count` arrays where the parameter `rest` takes as many as are left."""
    if not rest:
        return parameters
    at = parameters.index(rest)
    after = len(parameters) - at - 1
    many = tuple(f"{rest}{number}" for number in range(count - at - after))
    return (*parameters[:at], *many, *parameters[at + 1 :])


def _is_docstring(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)


@dataclass(frozen=True)
class Rule:
    """An operator: its forward, its derivative, and how the rest of the world spells it.

    `wrt` names the inputs that have a derivative, in the order in which `backward` returns them.
    `torch` and `means` are Python expressions over the forward's parameters: PyTorch's spelling,
    and the textbook formula where the forward's own text is longer than one expression. `aten`
    says which operators of PyTorch's graphs it stands for.
    """

    name: str
    forward: Function
    backward: Function | None
    wrt: tuple[str, ...]
    torch: str
    noun: str
    outputs: tuple[str, ...]
    means: str
    examples: tuple[Example, ...]
    aten: tuple[Pattern, ...] = ()
    in_formulas: bool = True
    """Whether the formulas of a spec may call it; others come from modules alone."""

    @property
    def output(self) -> str:
        """What its first result is called, for the many rules that have just one."""
        return self.outputs[0]

    def derivative_index(self, parameter: str) -> int:
        return self.wrt.index(parameter)


_rules: dict[str, Rule] = {}


def register(
    name: str,
    forward: Callable[..., Any],
    backward: Callable[..., Any] | None,
    *,
    wrt: Sequence[str],
    torch: str,
    examples: Sequence[Example],
    none: Sequence[str] = (),
    noun: str = "t",
    output: str | Sequence[str] = "y",
    means: str = "",
    aten: str | Sequence[str] = (),
    in_formulas: bool = True,
) -> Rule:
    """Add an operator.

    Args:
        name: what a spec and the graph call it.
        forward: NumPy function; positional parameters are arrays, keyword-only ones attributes.
        backward: takes the derivative of the output (`d` + `output`) first, then whatever it needs
            by name: inputs, the output, attributes, or the shape of an input (`x_shape`, keyword
            only). Returns one array for each name of `wrt`, of the shape that the forward's
            broadcasting gave it; undoing that is not its business.
        wrt: inputs with a derivative.
        none: inputs that have none (a mask, a label), said explicitly.
        torch: PyTorch's spelling, an expression over the forward's parameters.
        noun: what a result is called when the user gave it no name.
        output: what `backward` calls the result; or the results of a forward that returns a tuple
            (`*ys` for any number), each of which may be asked for, and its derivative, which is
            the plain number 0 where nobody uses the result.
        means: the textbook formula, where the forward is longer than one expression.
        aten: the operators of `torch.export`'s graphs that it stands for, each as a call with the
            rule's names in it, such as `softmax.int(x, axis, None)`; see `rules/patterns.py`.
        in_formulas: whether the formulas of a spec may call it.

    Raises:
        BackhandError: if names, arity or examples do not fit together.
    """
    rule = Rule(
        name,
        Function(forward.__name__, forward),
        Function(backward.__name__, backward) if backward else None,
        tuple(wrt),
        torch,
        noun,
        (output,) if isinstance(output, str) else tuple(output),
        means,
        tuple(examples),
        tuple(map(pattern, [aten] if isinstance(aten, str) else aten)),
        in_formulas,
    )
    _check(rule, tuple(none))
    _rules[name] = rule
    return rule


def rule(name: str) -> Rule:
    """The rule of that name, or an error with the closest name there is."""
    if name not in _rules:
        raise BackhandError(
            f"unknown operator `{name}`",
            wanted="an operator of `backhand operators`",
            repair=did_you_mean(name, _rules, "see `backhand operators`, or register a rule"),
        )
    return _rules[name]


def all_rules() -> dict[str, Rule]:
    """Every rule in the order of registration."""
    return dict(_rules)


def formula_rules() -> dict[str, Rule]:
    """The rules that the formulas of a spec may call."""
    return {name: rule for name, rule in _rules.items() if rule.in_formulas}


def _check(rule: Rule, none: tuple[str, ...]) -> None:
    where = f"rule {rule.name}"
    inputs = rule.forward.parameters
    if rule.name in _rules:
        raise BackhandError("this name is taken", where=where, repair="choose another name")
    if sorted((*rule.wrt, *none)) != sorted(n for n in inputs if n not in AMBIENT):
        raise BackhandError(
            "every input needs a derivative or an explicit none",
            where=where,
            wanted=f"wrt and none together name {', '.join(inputs)}",
            got=f"wrt={rule.wrt}, none={none}",
        )
    if bool(rule.wrt) != (rule.backward is not None):
        raise BackhandError("wrt and backward go together", where=where)
    if not rule.examples and rule.backward:
        raise BackhandError("a rule needs at least one example to be checked on", where=where)
    for function in (rule.forward, *([rule.backward] if rule.backward else [])):
        _check_alone(function, where)
    if rule.backward:
        _check_backward(rule, rule.backward, where)
    for operator in rule.aten:
        _check_pattern(rule, operator, where)


def _check_pattern(rule: Rule, operator: Pattern, where: str) -> None:
    """Raise unless a pattern fills every input, every option without a default, and no other."""
    forward = rule.forward
    needed = {*forward.parameters, *forward.attributes}
    needed -= {*forward.defaults, *AMBIENT, DRAWN, *TOLD}
    may = {*forward.parameters, *forward.attributes}
    filled = operator.slots
    if not needed <= {*filled} <= may or len(filled) > len(set(filled)):
        raise BackhandError(
            "a pattern names each input of the rule once, and nothing it does not have",
            where=where,
            wanted=f"{', '.join(sorted(needed))}; allowed: {', '.join(sorted(may))}",
            got=operator.text,
        )


def _check_alone(function: Function, where: str) -> None:
    """Raise unless a function can stand in a program: `np`, Python and other functions at most."""
    if not function.name.isidentifier():
        raise BackhandError("a rule needs functions with a name", where=where, got=function.name)
    used = inspect.getclosurevars(function.call)
    strange = set(used.nonlocals)
    for name, value in used.globals.items():
        if not isinstance(value, FunctionType) and not (name == "np" and value is np):
            strange.add(name)
    if strange:
        raise BackhandError(
            f"`{function.name}` uses {', '.join(f'`{name}`' for name in sorted(strange))}, "
            "which a written program does not have",
            where=where,
            wanted="numpy as `np`, its own parameters, and functions of the same module",
            repair="write a constant into the function, or make it a keyword-only parameter",
        )


def _check_backward(rule: Rule, backward: Function, where: str) -> None:
    cotangent, *needs = (*backward.parameters, *backward.attributes)
    outputs = tuple(name.removeprefix("*") for name in rule.outputs)
    known = {*rule.forward.parameters, *rule.forward.attributes, *outputs}
    known |= {f"d{name}" for name in outputs[1:]}
    shapes = {f"{name}_shape" for name in rule.forward.parameters}
    unknown = [name for name in needs if name not in known | shapes]
    if cotangent != "d" + outputs[0] or unknown:
        raise BackhandError(
            "the backward asks for what the forward does not have",
            where=where,
            wanted=f"first d{outputs[0]}, then any of {', '.join(sorted(known))}",
            got=", ".join((cotangent, *needs)),
        )
