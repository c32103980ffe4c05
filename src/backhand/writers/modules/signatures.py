"""What the functions of a kind take, which their definitions and their calls must agree on."""

from collections.abc import Iterator
from dataclasses import dataclass

from backhand.derive.pairs import CallBack, Derived, LoopBack, Pair, Undoing
from backhand.derive.reading import named_size, size_names
from backhand.graph import Argument, Attribute, Call, Loop, NamedSize, NestedKind, Statement, Step


@dataclass(frozen=True)
class Signature:
    """What a kind's two functions take beside arrays."""

    reads_parameters: bool
    """Whether the forward function takes `p`."""
    sizes: tuple[str, ...]
    """Sizes with names that it says, and that none of its arrays has."""
    reads_parameters_back: bool
    """Whether the backward function does."""
    attributes_back: tuple[str, ...]
    """The attributes of the kind that the backward function takes."""


def signatures(derived: Derived) -> dict[str, Signature]:
    """The signature of each kind by its name."""
    found: dict[str, Signature] = {}
    for pair in derived.pairs:
        parameters = {value.name for value in pair.kind.parameters}
        forward = _reads(pair.kind.body, parameters, found)
        back = _reads_back(pair.body, parameters, found)
        used = _attributes(pair.body, found)
        kept = tuple(name for name in pair.kind.attributes if name in used)
        sizes = tuple(dict.fromkeys((*_sizes(pair.kind.body, pair.kind, found), *_saved(pair))))
        found[pair.kind.name] = Signature(forward, sizes, back, kept)
    return found


def _reads(body: tuple[Statement, ...], parameters: set[str], known: dict[str, Signature]) -> bool:
    for part in body:
        if isinstance(part, Step) and any(v.name in parameters for v in part.inputs):
            return True
        if isinstance(part, Call) and (
            known[part.kind].reads_parameters or _given(part, parameters)
        ):
            return True
        if isinstance(part, Loop):
            names = parameters | {each.value.name for each in part.parameters}
            if _reads(part.body, names, known):
                return True
    return False


def _sizes(
    body: tuple[Statement, ...], kind: NestedKind, known: dict[str, Signature]
) -> Iterator[str]:
    """Names of sizes that a forward body says and that no array that the kind is given has."""
    seen = {size for value in (*kind.inputs, *kind.parameters) for size in value.shape}
    for part in body:
        if isinstance(part, Step):
            said = [name for _, given in part.attributes for name in size_names(given)]
        elif isinstance(part, Call):
            said = [n for size in sizes_for(part, known) for n in size_names(NamedSize(size))]
            said += [name for _, given in part.attributes for name in size_names(given)]
        else:
            own = {letter for letter, _ in part.sizes}
            said = [name for name in _sizes(part.body, kind, known) if name not in own]
            columns = (size for _, column in part.sizes for size in column)
            said += [n for size in columns for n in size_names(named_size(size))]
        yield from (name for name in said if name not in seen)


def _saved(pair: Pair) -> Iterator[str]:
    """Sizes that the backward function needs, and that no array that the kind is given has."""
    kind = pair.kind
    seen = {size for value in (*kind.inputs, *kind.parameters) for size in value.shape}
    names = (name.removeprefix("size:") for name in pair.saved if name.startswith("size:"))
    yield from (name for name in names if name not in seen)


def sizes_for(call: Call, known: dict[str, Signature]) -> list[str]:
    """What a call says for each size that the kind's function is given."""
    own = dict(call.sizes)
    return [str(own.get(size, size)) for size in known[call.kind].sizes]


def _given(call: Call, parameters: set[str]) -> bool:
    return any(value.name in parameters for value in call.inputs)


def _reads_back(
    body: tuple[Undoing, ...], parameters: set[str], known: dict[str, Signature]
) -> bool:
    for part in body:
        if isinstance(part, Step) and any(v.name in parameters for v in part.inputs):
            return True
        if isinstance(part, CallBack) and known[part.call.kind].reads_parameters_back:
            return True
        if isinstance(part, LoopBack):
            names = parameters | {each.value.name for each in part.loop.parameters}
            if _reads_back(part.body, names, known):
                return True
    return False


def _attributes(body: tuple[Undoing, ...], known: dict[str, Signature]) -> set[str]:
    """Attributes of the caller's that a backward body says."""
    found: set[str] = set()
    for part in body:
        if isinstance(part, Step):
            found |= {str(value) for _, value in part.attributes if isinstance(value, Argument)}
            found |= {v.name for v in part.inputs if v.role == "constant" and v.literal is None}
        elif isinstance(part, CallBack):
            needed = known[part.call.kind].attributes_back
            given = dict(part.call.attributes)
            found |= {str(given[n]) for n in needed if isinstance(given[n], Argument)}
        else:
            found |= _attributes(part.body, known)
    return found


def keywords(given: tuple[tuple[str, Attribute], ...], wanted: tuple[str, ...]) -> list[str]:
    """`stride=2` for each attribute that is wanted."""
    return [f"{name}={value!r}" for name, value in given if name in wanted]


def forward_arguments(pair: Pair, known: dict[str, Signature]) -> list[str]:
    """The names that a forward function takes, as its definition says them."""
    kind, own = pair.kind, known[pair.kind.name]
    arrays = [v.name for v in kind.inputs if v.role != "generator"]
    drawing = ["generator=None" for v in kind.inputs if v.role == "generator"]
    return [*arrays, *own.sizes, *["p"] * own.reads_parameters, *kind.attributes, *drawing]
