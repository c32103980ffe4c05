"""A module's whole program: its operators, a pair of functions for each kind, and the network's."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from backhand.derive.pairs import Derived, LoopBack, Pair, Undoing
from backhand.graph import Loop, Statement, Step
from backhand.writers.functions import called, source
from backhand.writers.modules.backward import write_backward
from backhand.writers.modules.forward import Kinds, write_forward
from backhand.writers.modules.rows import ROWS
from backhand.writers.modules.signatures import signatures
from backhand.writers.modules.widths import Widths

INSIDE = '''\
def inside(p, path):
    """The parameters of the module at `path`, by their names there."""
    start = path + "."
    return {name[len(start) :]: w for name, w in p.items() if name.startswith(start)}
'''

UNDER = '''\
def under(path, dp):
    """The derivatives by the parameters of the module at `path`, by their names here."""
    return {f"{path}.{name}": dw for name, dw in dp.items()}
'''

ADD_TO = '''\
def add_to(dp, more):
    """Add derivatives to those that are there: what is used several times has their sum."""
    for name, dw in more.items():
        dp[name] = dp[name] + dw if name in dp else dw
'''


@dataclass(frozen=True)
class Functions:
    """The text of a network's functions."""

    operators: tuple[str, ...]
    paths: tuple[str, ...]
    """Functions that find parameters by their paths."""
    kinds: tuple[str, ...]

    @property
    def text(self) -> str:
        """All of it, two empty lines between functions."""
        return "\n\n\n".join(part.rstrip() for part in self.parts())

    def parts(self) -> Iterator[str]:
        yield from self.operators
        yield from self.paths
        yield from self.kinds


def write_functions(derived: Derived, widths: Widths) -> Functions:
    """The functions of a derived network, each before those that call it."""
    pairs = {pair.kind.name: pair for pair in derived.pairs}
    kinds = Kinds(pairs, signatures(derived), widths)
    written: list[str] = []
    for pair in derived.pairs:
        forward = write_forward(pair, kinds)
        written.append(forward.text)
        if pair.has_backward:
            written.append(write_backward(pair, forward, kinds))
    text = "\n".join(written)
    helpers = {"inside": INSIDE, "under": UNDER, "add_to": ADD_TO}
    paths = tuple(helper for name, helper in helpers.items() if _calls(name, text))
    operators = tuple(source(function) for function in called(_steps(derived.pairs)))
    return Functions((*operators, *[ROWS] * _calls("rows", text)), paths, tuple(written))


def _calls(function: str, text: str) -> bool:
    return re.search(rf"(?<![.\w]){function}\(", text) is not None


def add_functions(first: Functions, second: Functions) -> Functions:
    """The functions of both, each once."""
    return Functions(
        tuple(dict.fromkeys((*first.operators, *second.operators))),
        tuple(dict.fromkeys((*first.paths, *second.paths))),
        (*first.kinds, *second.kinds),
    )


def _steps(pairs: Iterable[Pair]) -> Iterator[Step]:
    """All steps, forward and backward, of kinds and of the loops in them."""
    for pair in pairs:
        yield from _of(pair.kind.body)
        yield from _of(pair.body)


def _of(body: Iterable[Statement | Undoing]) -> Iterator[Step]:
    for part in body:
        if isinstance(part, Step):
            yield part
        elif isinstance(part, Loop | LoopBack):
            yield from _of(part.body)
