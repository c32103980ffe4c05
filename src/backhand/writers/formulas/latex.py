r"""Formulas in LaTeX, put together from terms: names, numbers, products, fractions, sums.

A term knows how tightly it binds, so that parentheses stand where a reader needs them, and its
shape, so that arrays are multiplied element by element (`a \odot b`) and numbers stand in front.
Only LaTeX that latex2mathml renders well is used; see `formulas.mathml`.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from decimal import Context, Decimal
from enum import IntEnum

from backhand.graph import Size

Shape = tuple[Size, ...]

GREEK = frozenset(
    {"alpha", "beta", "gamma", "delta", "epsilon", "zeta", "eta", "theta", "iota", "kappa"}
    | {"lambda", "mu", "nu", "xi", "rho", "sigma", "tau", "upsilon", "phi", "chi", "psi", "omega"}
    | {"Gamma", "Delta", "Theta", "Lambda", "Xi", "Phi", "Psi", "Omega"}
)
TAKEN = frozenset("BLe")
"""Letters with a meaning of their own (batch, loss, Euler's number): a value of that name is set
in typewriter."""

MOST_DIGITS = 12
SHORT = Context(prec=7)
"""A number with more digits than that comes from a calculation, and is shown with seven."""


class NoFormulaError(Exception):
    """A piece of Python that cannot be read as mathematics."""


class Level(IntEnum):
    """How tightly a term binds."""

    OPEN = 0
    """Alternatives and conditions: in parentheses within anything else."""
    SUM = 1
    PREFIX = 2
    r"""`\log x`, `\sum x`: binds everything up to the next plus or times sign."""
    PRODUCT = 3
    MATMUL = 4
    POWER = 5
    """Powers and fractions: may be multiplied as they are, but not raised again."""
    ATOM = 6


@dataclass(frozen=True)
class Term:
    """A piece of a formula.

    `shape` is None where it is not known; such a term is taken for an array. `leads` says that it
    stands before a fraction rather than in its numerator. `reaches` says that it ends in a big
    operator, which would swallow a plus sign behind it. `stack` is the number of axes along which
    matrices are stacked, where the rows of all of them are taken together. `factors` remembers a
    product.
    """

    tex: str
    level: Level
    shape: Shape | None
    number: Decimal | None = None
    leads: bool = False
    reaches: bool = False
    stack: int = 0
    factors: "Factors | None" = None

    @property
    def is_scalar(self) -> bool:
        return self.shape == ()


@dataclass(frozen=True)
class Factors:
    """A product taken apart: its sign, numerators, denominators."""

    negative: bool
    over: tuple[Term, ...]
    under: tuple[Term, ...]


def identifier(name: str) -> str:
    r"""A name of a program: `z1` is `z_1`, `alpha` is `\alpha`, `mask` is `\mathrm{mask}`.

    What follows an underscore becomes a subscript too, and underscores at the end primes.
    """
    found = re.fullmatch(r"([A-Za-z]+)(\d*)((?:_[A-Za-z0-9]+)*)(_*)", name, re.ASCII)
    if not found:
        return plain(name)
    head, digits, tail, primes = found.groups()
    if name in TAKEN:
        return rf"\mathtt{{{name}}}"
    parts = [digits] * bool(digits) + [_symbol(part) for part in tail.split("_")[1:]]
    below = ",".join(parts)
    if below:
        below = f"_{below}" if len(below) == 1 else f"_{{{below}}}"
    return _symbol(head) + below + "'" * len(primes)


def plain(name: str) -> str:
    """A name letter by letter, upright. Whatever could mean something to LaTeX is left out."""
    kept = re.sub(r"[^A-Za-z0-9_]", "", name) or "?"
    escaped = kept.replace("_", r"\_")
    return rf"\mathrm{{{escaped}}}"


def _symbol(word: str) -> str:
    if word in GREEK:
        return "\\" + word
    return word if len(word) == 1 or word.isdigit() else rf"\mathrm{{{word}}}"


def identifiers(names: Iterable[str]) -> dict[str, str]:
    """LaTeX for names that stand beside each other: of `w1` and `w_1`, which would look the same,
    the second is spelled letter by letter."""
    owners: dict[str, str] = {}
    found: dict[str, str] = {}
    for name in names:
        tex = identifier(name)
        found[name] = tex if owners.setdefault(tex, name) == name else plain(name)
    return found


def operator(name: str) -> str:
    r"""The name of a function. latex2mathml takes no underscore within `\operatorname`."""
    return plain(name) if "_" in name else plain(name).replace(r"\mathrm", r"\operatorname")


def named(tex: str, shape: Shape | None) -> Term:
    """A name; with a prime it cannot take a power without parentheses."""
    return Term(tex, Level.POWER if tex.endswith("'") else Level.ATOM, shape)


def number(value: float | int | Decimal) -> Term:
    """A number as people write it: 0.4, 2 for 2.0, a power of ten for 1e-08."""
    exact = (value if isinstance(value, Decimal) else Decimal(repr(value))) + 0
    if not exact.is_finite():
        return Term(r"\mathrm{nan}" if exact.is_nan() else r"\infty", Level.ATOM, ())
    if exact < 0:
        positive = number(-exact)
        factors = Factors(True, (positive,), ())
        return Term("-" + positive.tex, Level.SUM, (), exact, factors=factors)
    digits = exact.normalize(SHORT) if len(exact.as_tuple().digits) > MOST_DIGITS else exact
    digits = digits.normalize()
    if digits and not -5 < digits.adjusted() < 7:
        mantissa = digits.scaleb(-digits.adjusted()).normalize()
        power = f"10^{{{digits.adjusted()}}}"
        tex = power if mantissa == 1 else rf"{mantissa:f} \cdot {power}"
        return Term(tex, Level.POWER if mantissa == 1 else Level.PRODUCT, (), exact)
    return Term(f"{digits:f}", Level.ATOM, (), exact)


def parenthesised(tex: str, brackets: str = "()") -> str:
    """In parentheses, which grow with what is tall."""
    left, right = brackets[0], brackets[1]
    tall = any(word in tex for word in (r"\frac", r"\sum", r"\prod", r"\begin", r"\sqrt"))
    return rf"\left{left}{tex}\right{right}" if tall else f"{left}{tex}{right}"


def at_least(term: Term, level: Level) -> str:
    """The term's text, in parentheses if it binds less tightly than `level`."""
    return term.tex if term.level >= level else parenthesised(term.tex)


def broadcast(*shapes: Shape | None) -> Shape | None:
    """The shape of an elementwise result; None if it cannot be told."""
    known = [shape for shape in shapes if shape is not None]
    if len(known) < len(shapes):
        return None
    rank = max(map(len, known), default=0)
    padded = [(1,) * (rank - len(shape)) + shape for shape in known]
    found: list[Size] = []
    for sizes in zip(*padded, strict=True):
        distinct = {size for size in sizes if size != 1} or {1}
        if len(distinct) > 1:
            return None
        found.append(distinct.pop())
    return tuple(found)


def times(a: Term, b: Term) -> Term:
    left, right = _factors(a), _factors(b)
    negative = left.negative != right.negative
    return _product(Factors(negative, left.over + right.over, left.under + right.under))


def over(a: Term, b: Term) -> Term:
    left, right = _factors(a), _factors(b)
    below = right.over
    if right.under:  # a fraction below a fraction stays one
        below = (replace(_product(replace(right, negative=False)), factors=None),)
    return _product(Factors(left.negative != right.negative, left.over, left.under + below))


def minus(a: Term) -> Term:
    factors = _factors(a)
    return _product(replace(factors, negative=not factors.negative))


def plus(a: Term, b: Term) -> Term:
    return subtracted(a, minus(b)) if _factors(b).negative else _sum(a, "+", b)


def subtracted(a: Term, b: Term) -> Term:
    return plus(a, minus(b)) if _factors(b).negative else _sum(a, "-", b)


def _sum(a: Term, sign: str, b: Term) -> Term:
    if a.number is not None and b.number is not None:
        return number(a.number + b.number if sign == "+" else a.number - b.number)
    left = parenthesised(a.tex) if a.reaches else at_least(a, Level.SUM)
    keeps = b.level > Level.SUM or (b.level == Level.SUM and sign == "+" and b.tex[0] != "-")
    right = b.tex if keeps else parenthesised(b.tex)
    shape = broadcast(a.shape, b.shape)
    return Term(f"{left} {sign} {right}", Level.SUM, shape, reaches=keeps and b.reaches)


def raised(base: Term, exponent: Term) -> Term:
    """A power; one half is a root."""
    if exponent.number == 1:
        return base
    shape = broadcast(base.shape, exponent.shape)
    if exponent.number == Decimal("0.5"):
        return root(base)
    return Term(f"{at_least(base, Level.ATOM)}^{{{exponent.tex}}}", Level.POWER, shape)


def root(a: Term) -> Term:
    return Term(rf"\sqrt{{{a.tex}}}", Level.POWER, a.shape)


def matmul(a: Term, b: Term) -> Term:
    """A matrix product, its factors side by side; of two stacks' rows, the sum over the stack."""
    tex = rf"{at_least(a, Level.MATMUL)}\, {at_least(b, Level.POWER)}"
    product = Term(tex, Level.MATMUL, _matmul_shape(a.shape, b.shape))
    if a.stack and a.stack == b.stack:
        return big(r"\sum", axes_label(range(a.stack)), product, None)
    return product


def axes_label(axes: Sequence[int]) -> str:
    """`axis 0`, `axes 0, 1`."""
    return f"axis {axes[0]}" if len(axes) == 1 else "axes " + ", ".join(map(str, axes))


def _matmul_shape(a: Shape | None, b: Shape | None) -> Shape | None:
    if not a or not b:
        return None
    if len(b) == 1:
        return a[:-1]
    stacked = broadcast(a[:-2], b[:-2])
    return None if stacked is None else (*stacked, *a[-2:-1], b[-1])


def transposed(a: Term) -> Term:
    shape = None if a.shape is None else (*a.shape[:-2], *reversed(a.shape[-2:]))
    return Term(rf"{at_least(a, Level.ATOM)}^\top", Level.POWER, shape, stack=a.stack)


def applied(function: str, arguments: Sequence[str], shape: Shape | None) -> Term:
    """A function's name with its arguments in parentheses."""
    return Term(function + parenthesised(", ".join(arguments)), Level.ATOM, shape)


def big(sign: str, below: str, body: Term, shape: Shape | None) -> Term:
    r"""`\sum_{\text{rows}} x`; a minus sign stands before a sum, not in it."""
    if sign == r"\sum" and _factors(body).negative:
        return minus(big(sign, below, minus(body), shape))
    label = rf"_{{\text{{{below}}}}}" if below else ""
    tex = f"{sign}{label} {at_least(body, Level.PREFIX)}"
    return Term(tex, Level.PREFIX, shape, reaches=True)


def _factors(a: Term) -> Factors:
    return a.factors or Factors(False, (a,), ())


def _product(factors: Factors) -> Term:
    """The product of factors, ones left out, as a fraction where it has denominators."""
    top = tuple(t for t in factors.over if t.number != 1)
    under = tuple(t for t in factors.under if t.number != 1)
    parts = list(top)
    if under:
        outside = [t for t in top if t.leads or t.reaches]
        inside = [t for t in top if not (t.leads or t.reaches)]
        parts = [*outside, _fraction(inside, under)]
    result = _joined(parts) if parts else number(1)
    negative = factors.negative and result.number != 0
    kept = Factors(negative, top or (number(1),), under)
    if negative:
        value = None if result.number is None else -result.number
        tex, level = "-" + at_least(result, Level.PREFIX), Level.SUM
        return Term(tex, level, result.shape, value, reaches=result.reaches, factors=kept)
    return result if len(top) == 1 and not under else replace(result, factors=kept)


def _fraction(inside: Sequence[Term], under: Sequence[Term]) -> Term:
    top = _joined(inside) if inside else number(1)
    bottom = _joined(under)
    shape = broadcast(top.shape, bottom.shape)
    return Term(rf"\frac{{{top.tex}}}{{{bottom.tex}}}", Level.POWER, shape)


def _joined(factors: Sequence[Term]) -> Term:
    """Factors in the order in which people write them: numbers, scalars, arrays."""
    if len(factors) == 1:
        return factors[0]
    ordered = sorted(factors, key=_rank)
    arrays = sum(not t.is_scalar for t in factors)
    tex = ""
    for i, term in enumerate(ordered):
        is_last = i == len(ordered) - 1
        needed = Level.MATMUL if arrays == 1 and not term.is_scalar else Level.POWER
        if term.number is not None or (term.level == Level.PREFIX and is_last):
            needed = Level.PREFIX
        part = at_least(term, needed)
        tex += _between(ordered[i - 1], term, part) + part if i else part
    shape = broadcast(*(t.shape for t in factors))
    last = ordered[-1]
    return Term(tex, Level.PRODUCT, shape, reaches=last.reaches and last.level == Level.PREFIX)


def _rank(term: Term) -> tuple[int, bool]:
    """Numbers, numerical factors, scalars, arrays; of each, big operators last."""
    if term.number is not None:
        return 0, False
    kind = 1 + term.leads if term.is_scalar else 3
    return kind, term.level == Level.PREFIX


def _between(before: Term, after: Term, text: str) -> str:
    if not before.is_scalar and not after.is_scalar:
        return r" \odot "
    opens = before.number is None and text.startswith(("(", r"\left("))
    return r" \cdot " if text[0].isdigit() or opens else r"\, "
