"""A module's own tree of arguments and results, and the arrays in it, without PyTorch."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from backhand.capture.trees import Leaf, Tree
from backhand.errors import BackhandError


def arrays_of(
    of: Tree, args: Sequence[Any], kwargs: Mapping[str, Any], names: Sequence[str]
) -> list[np.ndarray]:
    """The arrays of a call, in the order in which the written function takes them.

    Args:
        of: the arguments when the module was captured, as `(args, kwargs)`.
        args: arguments by position now.
        kwargs: arguments by name now.
        names: what the written function calls its inputs.

    Raises:
        BackhandError: where the arguments are built otherwise than they were.
    """
    found: dict[int, Any] = {}
    _collect(of, (tuple(args), dict(kwargs)), "the arguments", found)
    return [np.asarray(found[number]) for number in range(len(names))]


def _collect(of: Tree, given: Any, where: str, found: dict[int, Any]) -> None:
    if isinstance(of, Leaf):
        if of.number is not None:
            found.setdefault(of.number, given)
        elif given != of.literal:
            raise BackhandError(
                "this argument was built into the program",
                where=where,
                wanted=repr(of.literal),
                got=repr(given),
                repair="write the program again with this argument",
            )
        return
    keys: list[Any] = list(of.keys) or list(range(len(of.parts)))
    for key, part in zip(keys, of.parts, strict=True):
        _collect(part, _part(given, key, of.kind, len(keys), where), f"{where}[{key!r}]", found)


def _part(given: Any, key: str | int, kind: str, count: int, where: str) -> Any:
    if kind in ("tuple", "list") and isinstance(given, tuple | list) and len(given) == count:
        assert isinstance(key, int)
        return given[key]
    if isinstance(given, Mapping) and key in given and len(given) == count:
        return given[key]
    if kind not in ("tuple", "list", "dict") and hasattr(given, str(key)):
        return getattr(given, str(key))
    raise BackhandError(
        f"{where.partition('[')[0]} are built otherwise than when the program was written",
        where=where,
        wanted=f"a {kind} with {key!r}, one of {count}",
        got=type(given).__name__,
        repair="call it as the module was called, or write the program again",
    )


def built(of: Tree, arrays: Sequence[Any]) -> Any:
    """The module's own tree of results: tuples, lists and dicts; a class of its own is a dict."""
    if isinstance(of, Leaf):
        return of.literal if of.number is None else arrays[of.number]
    parts = [built(part, arrays) for part in of.parts]
    if of.kind == "list":
        return parts
    if of.keys:
        return dict(zip(of.keys, parts, strict=True))
    return tuple(parts)


def flattened(of: Tree, given: Any) -> dict[int, Any]:
    """The arrays of a tree that is built as the module's results are, by their numbers."""
    return {number: arrays[0] for number, arrays in _gathered(of, given).items()}


def added(of: Tree, given: Any) -> dict[int, Any]:
    """The same of derivatives: a result that stands in several places has the sum of theirs."""
    return {number: sum(map(np.asarray, a)) for number, a in _gathered(of, given).items()}


def _gathered(of: Tree, given: Any) -> dict[int, list[Any]]:
    found: dict[int, list[Any]] = {}
    _gather(of, given, found)
    return found


def _gather(of: Tree, given: Any, found: dict[int, list[Any]]) -> None:
    if isinstance(of, Leaf):
        if of.number is not None and given is not None:
            found.setdefault(of.number, []).append(given)
        return
    if given is None:
        return
    keys: list[Any] = list(of.keys) or list(range(len(of.parts)))
    for key, part in zip(keys, of.parts, strict=True):
        _gather(part, _part(given, key, of.kind, len(keys), "the results"), found)
