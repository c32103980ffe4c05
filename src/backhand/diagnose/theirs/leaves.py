"""The arrays inside of somebody's objects, dicts and lists: their names, and how to set them."""

from collections.abc import Callable, Iterator, MutableMapping
from inspect import ismodule, isroutine
from typing import Any

import numpy as np

from backhand.diagnose.theirs.watching import as_array

Leaf = tuple[str, np.ndarray, Callable[[np.ndarray], None]]
DEEPEST = 4


def leaves(root: Any, number: str = "", depth: int = 0) -> Iterator[Leaf]:
    """Every array below an object, in order: the key or attribute it has, with the number of the
    list entry in which it stands (`layers[1].W` is `W1`)."""
    if depth > DEEPEST:
        return
    for name, value, put in _parts(root):
        own = name if isinstance(name, str) else ""
        place = number if isinstance(name, str) else str(name)
        array = None if isinstance(value, list | tuple) else as_array(value)
        if array is not None and array.ndim:
            yield (own or "") + (place if not (own and own[-1:].isdigit()) else ""), array, put
        elif isinstance(value, dict | list | tuple) or _is_object(value):
            for inner, found, setter in leaves(value, place, depth + 1):
                joined = inner if not inner.isdigit() else f"{own}{inner}"
                yield joined, found, setter


def _is_object(value: Any) -> bool:
    """Whether it holds values; a layer that is called like a function does."""
    return (
        hasattr(value, "__dict__")
        and not isinstance(value, type)
        and not (isroutine(value) or ismodule(value))
    )


def _parts(root: Any) -> Iterator[tuple[str | int, Any, Callable[[np.ndarray], None]]]:
    if isinstance(root, MutableMapping):
        for key in list(root):
            yield key if isinstance(key, int) else str(key), root[key], _item(root, key)
    elif isinstance(root, list):
        for i, value in enumerate(root):
            yield i, value, _item(root, i)
    elif isinstance(root, tuple):
        for i, value in enumerate(root):
            yield i, value, _in_place(value)
    elif hasattr(root, "__dict__"):
        for key in list(vars(root)):
            yield key, vars(root)[key], _attribute(root, key)


def _item(root: Any, key: Any) -> Callable[[np.ndarray], None]:
    def put(array: np.ndarray) -> None:
        if not _filled(root[key], array):
            root[key] = array

    return put


def _filled(held: Any, array: np.ndarray) -> bool:
    """Write into the array that is there, which others may hold too; not if it cannot take it."""
    fits = isinstance(held, np.ndarray) and held.shape == array.shape and held.dtype.kind == "f"
    if fits and held.flags.writeable:
        held[...] = array
    return fits and held.flags.writeable


def _attribute(root: Any, key: str) -> Callable[[np.ndarray], None]:
    def put(array: np.ndarray) -> None:
        held = getattr(root, key)
        if hasattr(held, "new_tensor"):  # a tensor of torch, which is not imported here
            held.data = held.data.new_tensor(array)
        elif not _filled(held, array):
            setattr(root, key, array)

    return put


def _in_place(value: Any) -> Callable[[np.ndarray], None]:
    def put(array: np.ndarray) -> None:
        value[...] = array

    return put
