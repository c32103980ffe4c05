"""What of a module cannot be written out, all of it in one error."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from difflib import get_close_matches

from backhand.capture.aten import Schemas
from backhand.capture.identifiers import one_line
from backhand.capture.pairs import OF_COMPLEX
from backhand.capture.reading import ARRAY, OPAQUE, frames_of
from backhand.errors import BackhandError, shown
from backhand.graph import Place, Step
from backhand.passes.clutter import CASTS, operator
from backhand.passes.functionalise import is_in_place, without_mark
from backhand.rules.register import all_rules

PLACES = 3
"""How many places are shown for an operator that stands in more."""

OF_NO_INTEREST = frozenset({"device", "layout", "pin_memory", "memory_format"})

HINTS = {
    "in place": "it writes into memory that others read: write `x = x + y` for `x += y`",
    "kept": "it changes `{}`, which the module keeps from call to call",
    "number": "it takes a number out of an array, as `.item()` does: keep it an array",
    "mask": "how many a mask picks depends on its numbers: `torch.where` keeps the shape",
    "complex": "of complex numbers there are products and sums, and what only moves them about",
    "cast": "work in one precision: `module.double()` or `module.float()`, and inputs like it",
    "own": 'add a rule with aten="{}": see examples/own_operator.py',
}


class NoRulesError(BackhandError):
    """A module that does what no rule stands for; `operators` says how often it does each."""

    operators: Mapping[str, int]


def no_rules(name: str, steps: Sequence[Step], schemas: Schemas) -> NoRulesError:
    """The error for the steps of a module that no rule stands for."""
    kinds = {step.function for step in steps}
    lines = [line for found in _alike(steps) for line in _lines(found, schemas)]
    error = NoRulesError(
        f"{len(kinds)} of its operators {'has' if len(kinds) == 1 else 'have'} no rule",
        where=name,
        wanted="operators that a rule stands for, with these arguments",
        got="\n       ".join(lines),
        repair="change the lines above, or add rules: see examples/own_operator.py",
    )
    error.operators = Counter(step.function for step in steps)
    return error


def _alike(steps: Sequence[Step]) -> list[list[Step]]:
    """Steps of one operator that the same would help, the most frequent first."""
    found: dict[tuple[str, str], list[Step]] = {}
    for step in steps:
        found.setdefault((step.function, _help(step, {})), []).append(step)
    return sorted(found.values(), key=len, reverse=True)


def _lines(steps: Sequence[Step], schemas: Schemas) -> list[str]:
    """One operator: how often and with what arguments, what would help, and where it stands."""
    first = steps[0]
    places = list(dict.fromkeys(map(_where, steps)))
    shown_places = [f"  {where}" for where in places[:PLACES]]
    if len(places) > PLACES:
        shown_places.append(f"  and {len(places) - PLACES} more lines")
    times = f", {len(steps)} times" if len(steps) > 1 else ""
    return [f"{_call(first, schemas)}{times}: {_help(first, schemas)}", *shown_places]


def _where(step: Step) -> str:
    place = f"{step.place}: {step.place.text}" if step.place else "(no line is known)"
    return f"{place}  [{step.modules[-1].path}]" if step.modules else place


def _call(step: Step, schemas: Schemas) -> str:
    """The operator with the arguments that are no arrays and not at their defaults."""
    defaults = {a.name: a.default for a in schemas.get(step.function, ()) if a.has_default}
    given = [
        f"{name}={shown(value).removeprefix(OPAQUE)}"
        for name, value in step.attributes
        if not str(value).startswith(ARRAY)
        and name not in OF_NO_INTEREST
        and (name not in defaults or value != defaults[name])
    ]
    return f"{step.function}({', '.join(given)})"


def _help(step: Step, schemas: Schemas) -> str:
    name = operator(step)
    if step.function.endswith(OF_COMPLEX):
        return HINTS["complex"]
    if is_in_place(step.function):
        first = step.inputs[0]
        is_kept = first.role in ("parameter", "buffer")
        return HINTS["kept"].format(first) if is_kept else HINTS["in place"]
    if any(re.match(r"\$z?u\w*\d", str(value)) for _, value in step.attributes):
        return HINTS["number"]
    if name in ("index", "index_put") and any(v.numbers == "bool" for v in step.inputs[1:]):
        return HINTS["mask"]
    if name in CASTS:
        return HINTS["cast"]
    known = all_rules()
    taken = [p.text for r in known.values() for p in r.aten if p.operator == step.function]
    if taken:
        return f"there are rules for {' and '.join(f'`{text}`' for text in taken)}"
    word = without_mark(step.function).split(".")[-2] if "." in step.function else step.function
    close = get_close_matches(word, sorted(known), n=1, cutoff=0.7)
    if close:
        return f"the closest rule is `{close[0]}`"
    return HINTS["own"].format(_pattern(step.function, schemas))


def _pattern(function: str, schemas: Schemas) -> str:
    """`lgamma.default(x)`: how a rule says which operator it stands for, as a beginning."""
    needed = [a.name for a in schemas.get(function, ()) if not a.has_default]
    names = ["x" if name == "self" else name for name in needed]
    return f"{function.removeprefix('aten.')}({', '.join(names)})"


def not_captured(name: str, error: Exception, frame: Place | None) -> BackhandError:
    """The error for a module that PyTorch itself could not capture."""
    message = str(error).strip().partition("\n")[0]
    data = "data-dependent" in str(error)
    return BackhandError(
        "what it computes depends on the numbers in its arrays"
        if data
        else "torch.export could not capture it",
        where=name if frame is None else f"{name}: {frame}",
        wanted="steps that are the same whatever the numbers are" if data else "",
        got=one_line(frame.text) if frame and data else f"{type(error).__name__}: {message}",
        repair="say it without `if`, `while` or `.item()` on an array, e.g. with torch.where"
        if data
        else "call the module on these arguments first: it must run",
    )


def unfit_numbers(name: str, formats: Mapping[str, str]) -> BackhandError:
    """The error for arrays in formats that NumPy programs do not work in."""
    return BackhandError(
        "these arrays are in formats that a NumPy program does not work in",
        where=name,
        wanted="float32 or float64, whole numbers or truths",
        got=", ".join(f"{shown(value)} in {word}" for value, word in formats.items()),
        repair="`module.double()` or `module.float()`, and inputs like it",
    )


def user_frame(error: BaseException, trace: Sequence[Place]) -> Place | None:
    """The innermost line of the user's own code: of the traceback, else of PyTorch's message."""
    inside = list(frames_of(str(error)))
    found = [*inside, *trace]
    return found[-1] if found else None
