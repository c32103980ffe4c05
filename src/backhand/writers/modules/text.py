"""The text of one function while it is written: its lines, and how each value is said in them."""

import ast
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from backhand.graph import Step, Value
from backhand.passes.nesting import identifier
from backhand.rules.register import rule
from backhand.writers import expressions as ex
from backhand.writers.layout import INDENT, WIDTH, Line, body, comment, comment_column
from backhand.writers.lines import arguments_of, numpy_spelling
from backhand.writers.modules.numbers import with_whole_numbers
from backhand.writers.modules.rows import with_rows
from backhand.writers.modules.widths import Widths


@dataclass(frozen=True)
class Heading:
    """A comment on a line of its own."""

    words: str


@dataclass(frozen=True)
class Block:
    """`for ...:` and the lines below it."""

    header: str
    parts: "list[Part]"


Part = Line | Heading | Block


@dataclass
class FunctionText:
    """Lines of a function, or of a loop in it, and what its values are called there."""

    widths: Widths
    said: dict[str, ast.expr] = field(default_factory=dict)
    """How values are said that are not just a name: parameters, and what stands within a line."""
    shown: dict[str, str] = field(default_factory=dict)
    """The names of values whose own name is not the one that is written."""
    ranks: dict[str, int] = field(default_factory=dict)
    parts: list[Part] = field(default_factory=list)
    quoted: dict[str, str] = field(default_factory=dict)
    """The line of each value, and for one without a name the line that it stands in."""
    waiting: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """Values without a name that no line has said yet, and those that stand within each."""
    called: Mapping[str, str] = field(default_factory=dict)
    """The names by which reasons speak of values, where it is not their own."""

    def inside(self) -> "FunctionText":
        """The text of a loop's body: lines of its own, all else is the function's."""
        own: list[Part] = []
        return FunctionText(
            self.widths,
            self.said,
            self.shown,
            self.ranks,
            own,
            self.quoted,
            self.waiting,
            self.called,
        )

    def name(self, value: Value) -> str:
        """What is written for a value that is assigned."""
        return self.shown.get(value.name, identifier(value.name))

    def expression(self, value: Value) -> ast.expr:
        """What is written where a value is read."""
        if value.literal is not None:
            return self.widths.number(value)
        return self.said.get(value.name) or ast.parse(self.name(value), mode="eval").body

    def read(self, value: Value) -> str:
        return ex.text(self.expression(value))

    def step(self, step: Step) -> None:
        """A line for a step, or for a nameless one its expression for the line that reads it."""
        step = self.widths.step(with_whole_numbers(step))
        for value in (*step.inputs, *step.made()):
            self.ranks[self.name(value)] = len(value.shape)
        known = {value.name: self.expression(value) for value in step.inputs}
        expression = numpy_spelling(step, arguments_of(step, known), self.ranks)
        assert expression is not None
        expression = with_rows(expression)
        inner = tuple(v.name for v in step.inputs if v.name in self.waiting)
        made = step.made()
        if len(step.outputs) == 1 and made and made[0].is_nameless:
            self.said[made[0].name] = expression
            self.waiting[made[0].name] = inner
            return
        if not step.outputs:
            self.line(ex.text(expression))
            return
        target = targets(self.name(v) if v else "_" for v in step.outputs)
        if len(step.outputs) == 1 and _gives_several(step):
            target += ","
        self.assign(target, expression, step)
        self.quote((*(v.name for v in made), *inner), self._last())

    def assign(self, target: str, expression: ast.expr, step: Step) -> None:
        """`target = expression   # [B, 4]`."""
        made = [v for v in step.made() if not self.name(v).startswith("dp[")]
        shapes = self.shapes(made or step.made())
        is_long = len(f"{target} = {ex.text(expression)}  # {shapes}") > WIDTH - len(INDENT)
        if is_long and not shapes.startswith("each "):
            shapes = self.shapes([v for v in made if v.shape][:1]) or shapes
        about, blank, why = step.because.partition(" ") if step.function == "add" else ("", "", "")
        reason = f"{self.called.get(about, about)}{blank}{why}"
        self.parts.append(Line(f"{target} = {ex.text(expression)}", shapes, reason))

    def shapes(self, values: Iterable[Value]) -> str:
        """`[B, 4], [4]`, or `each [B, 4]`."""
        found = [self.widths.text(value.shape) for value in values if value.shape]
        return f"each {found[0]}" if len(found) > 1 and len(set(found)) == 1 else ", ".join(found)

    def quote(self, names: Iterable[str], code: str) -> None:
        """Remember the line of these values, and of what stands within them."""
        for name in names:
            self.quoted[name] = code
            self.quote(self.waiting.pop(name, ()), code)

    def line(self, code: str, words: str = "", reason: str = "") -> None:
        self.parts.append(Line(code, words, reason))

    def heading(self, words: str) -> None:
        self.parts.append(Heading(words))

    def block(self, header: str, inside: "FunctionText") -> None:
        self.parts.append(Block(header, inside.parts))

    def _last(self) -> str:
        part = self.parts[-1]
        assert isinstance(part, Line)
        return part.code


def _gives_several(step: Step) -> bool:
    """Whether a step's function returns a tuple, of however many results."""
    name, _, part = step.function.partition(".")
    known = rule(name)
    return known.forward.rest in known.wrt if part else known.outputs[0].startswith("*")


def targets(names: Iterable[str]) -> str:
    """`a, b`; results at the end that nobody reads are `*_`."""
    kept = list(names)
    while len(kept) > 2 and kept[-2:] == ["_", "_"]:
        kept.pop()
        if kept[-2:-1] != ["_"]:
            kept[-1] = "*_"
    return ", ".join(kept)


def rendered(parts: Iterable[Part], depth: int = 0) -> list[str]:
    """The lines of a function's body, comments in one column."""
    every = list(parts)
    column = comment_column(_lines(every), depth)
    return _rendered(every, depth, column)


def _rendered(parts: Iterable[Part], depth: int, column: int) -> list[str]:
    text: list[str] = []
    for part in parts:
        if isinstance(part, Line):
            text += body([part], depth, max(column - len(INDENT) * depth, len(INDENT)))
        elif isinstance(part, Heading):
            text += comment(part.words, depth)
        else:
            text += [INDENT * depth + part.header, *_rendered(part.parts, depth + 1, column)]
    return text


def _lines(parts: Iterable[Part]) -> list[Line]:
    found: list[Line] = []
    for part in parts:
        if isinstance(part, Line):
            found.append(part)
        elif isinstance(part, Block):
            found += [Line(INDENT + line.code, line.comment) for line in _lines(part.parts)]
    return found


def code_of(parts: Iterable[Part]) -> list[str]:
    """All code of a body, headers of loops too: for what is read in it."""
    found: list[str] = []
    for part in parts:
        if isinstance(part, Line):
            found.append(part.code)
        elif isinstance(part, Block):
            found += [part.header, *code_of(part.parts)]
    return found
