"""Sizes with names that a function's lines say: read off its arrays at the top."""

from collections.abc import Iterable

from backhand.graph import NestedKind, Value
from backhand.writers.demand import names_read
from backhand.writers.modules.paths import quoted_path


def with_sizes(
    values: Iterable[Value],
    code: Iterable[str],
    kind: NestedKind,
    lines: list[str],
    shown: "dict[str, str] | None" = None,
) -> list[str]:
    """The lines, below one that says what `B` and `T` are where they are read.

    Args:
        values: arrays that the function is given; the first that has a size says it.
        code: the function's lines of code, each whole.
        kind: whose function it is.
        lines: the function's lines as they are laid out.
        shown: what values are called where it is not their own name.
    """
    read = names_read(code)
    parameters = {value.name for value in kind.parameters}
    every = (*values, *kind.parameters)
    made = {name for value in every for name in value.shape if isinstance(name, str)}
    wanted = [name for name in sorted(made) if name in read]
    found: list[str] = []
    for value in every:
        here = [name for name in wanted if name in value.shape]
        if not here:
            continue
        name = (shown or {}).get(value.name, value.name)
        if value.role in ("parameter", "buffer") and value.name in parameters:
            name = f"p[{quoted_path(value.name, {})}]"
        leading = [size for size in dict.fromkeys(value.shape[: len(here)]) if size in here]
        if leading == list(value.shape[: len(here)]) and len(here) > 1:
            found.append(f"{', '.join(map(str, leading))} = {name}.shape[:{len(here)}]")
        else:
            found += [f"{size} = {name}.shape[{value.shape.index(size)}]" for size in here]
        wanted = [size for size in wanted if size not in here]
    return [*found, *lines]
