"""Arrays of a spec: written out, read from `.npz` without pickle, or made by a recipe."""

import zipfile
from collections.abc import Callable
from math import isfinite, prod
from pathlib import Path
from typing import Any

import numpy as np

from backhand import draws
from backhand.errors import BackhandError, did_you_mean, shown

LARGEST = 100_000_000
"""Numbers in one array: enough for any network that is worth writing out by hand."""

RECIPES = ("fill", "linspace", "uniform", "normal", "kaiming_uniform", "xavier_uniform",
           "kaiming_normal", "xavier_normal")  # fmt: skip


def array(given: object, folder: Path, generator: np.random.RandomState) -> np.ndarray:
    """The array that a spec's entry stands for, in float64.

    Args:
        given: nested lists of numbers; or a table with `file` and `key`; or one with a recipe.
        folder: where relative file names start.
        generator: what random recipes draw from, one entry after the other.

    Raises:
        BackhandError: if it is none of these, ragged, not finite, or not there.
    """
    if isinstance(given, dict):
        made = _from_table(given, folder, generator)
    elif isinstance(given, list):
        made = _from_lists(given)
    else:
        raise BackhandError(
            "this is not an array",
            wanted="rows of numbers, e.g. [[1, 2], [3, 4]], or a table such as "
            '{ file = "weights.npz", key = "w1" } or { init = "kaiming_uniform", shape = [3, 4] }',
            got=shown(given),
        )
    if not made.size:
        raise BackhandError("an array must not be empty", got=f"shape {list(made.shape)}")
    if not np.isfinite(made).all():
        raise BackhandError("numbers must be finite", got="nan or inf", repair="mend the file")
    return np.ascontiguousarray(made)  # in one order, or updating the weights in place is slow


def _from_lists(rows: list[Any]) -> np.ndarray:
    _check_rows(rows, "")
    return np.array(rows, dtype=np.float64)


def _check_rows(rows: object, where: str) -> tuple[int, ...]:
    """The shape of nested lists of numbers, or an error that names the first odd one out."""
    if not isinstance(rows, list):
        if isinstance(rows, bool) or not isinstance(rows, int | float):
            raise BackhandError("every entry must be a number", got=f"{shown(rows)} at {where}")
        if not _fits(rows):
            raise BackhandError("numbers must be finite", got=f"{shown(rows)} at {where}")
        return ()
    if not rows:
        raise BackhandError("an array must not be empty", got=f"[] at {where or 'the top'}")
    first = _check_rows(rows[0], f"{where}[0]")
    for i, row in enumerate(rows[1:], 1):
        shape = _check_rows(row, f"{where}[{i}]")
        if shape != first:
            raise BackhandError(
                "rows must have the same length",
                wanted=f"{_size(first)}, as in row 1",
                got=f"{_size(shape)} in row {i + 1}" + (f" of {where}" if where else ""),
                repair="fill in or take away numbers until all rows are equally long",
            )
    return (len(rows), *first)


def _fits(number: float) -> bool:
    try:
        return isfinite(number)
    except OverflowError:
        return False


def _size(shape: tuple[int, ...]) -> str:
    return " x ".join(map(str, shape)) + " numbers" if shape else "one number"


def _from_table(
    table: dict[str, Any], folder: Path, generator: np.random.RandomState
) -> np.ndarray:
    if "file" in table:
        _only(table, ("file", "key"))
        return _from_file(table, folder)
    if "classes" in table:
        _only(table, ("classes", "of"))
        return _one_hot(table)
    if "init" in table:
        return _from_recipe(table, generator)
    raise BackhandError(
        "this table makes no array",
        wanted="`file` and `key`, or `init` and `shape`, or `classes` and `of`",
        got=", ".join(map(shown, table)) or "an empty table",
    )


def _only(table: dict[str, Any], known: tuple[str, ...]) -> None:
    for key in table:
        if key not in known:
            raise BackhandError(
                f"unknown key `{shown(key)}`",
                wanted=" and ".join(f"`{k}`" for k in known),
                repair=did_you_mean(key, known),
            )
    for key in known:
        if key not in table:
            raise BackhandError(f"`{key}` is missing here", wanted=" and ".join(known))


def _from_file(table: dict[str, Any], folder: Path) -> np.ndarray:
    name, key = table["file"], table["key"]
    if not isinstance(name, str) or not isinstance(key, str):
        raise BackhandError("`file` and `key` must be text", got=shown(table))
    try:
        with (folder / name).open("rb") as stream:
            archive = np.load(stream, allow_pickle=False)
            if not isinstance(archive, np.lib.npyio.NpzFile):
                raise zipfile.BadZipFile
            if key not in archive:
                raise BackhandError(
                    f"`{shown(name)}` holds no array `{shown(key)}`",
                    repair=did_you_mean(key, archive.files, f"it holds {', '.join(archive.files)}"),
                )
            found = archive[key]
    except FileNotFoundError:
        raise BackhandError(
            f"there is no file `{shown(name)}`",
            wanted=f"an .npz file, looked for in {folder}",
            repair="correct the name, or save it with numpy.savez",
        ) from None
    except (OSError, ValueError, zipfile.BadZipFile, EOFError):
        raise BackhandError(
            f"`{shown(name)}` cannot be read",
            wanted="an .npz file as numpy.savez writes it, without pickled objects",
        ) from None
    if found.dtype.kind not in "fiu":
        raise BackhandError("an array must hold real numbers", got=f"{found.dtype} in `{key}`")
    return found.astype(np.float64)


def _one_hot(table: dict[str, Any]) -> np.ndarray:
    classes, of = table["classes"], table["of"]
    if type(of) is not int or of < 1:
        raise BackhandError("`of` is the number of classes", got=shown(of))
    if not isinstance(classes, list) or not classes:
        raise BackhandError("`classes` is a list with a class for each row", got=shown(classes))
    for i, label in enumerate(classes):
        if type(label) is not int or not 0 <= label < of:
            raise BackhandError(
                "a class is a whole number from 0",
                wanted=f"0 to {of - 1}, as there are {of} classes",
                got=f"{shown(label)} at [{i}]",
            )
    _check_size((len(classes), of))
    rows = np.zeros((len(classes), of))
    rows[np.arange(len(classes)), classes] = 1
    return rows


def _shape(table: dict[str, Any]) -> tuple[int, ...]:
    shape = table.get("shape")
    sizes = shape if isinstance(shape, list) else []
    if not sizes or any(type(size) is not int or size < 1 for size in sizes):
        raise BackhandError(
            "`shape` is a list of whole numbers from 1",
            wanted="e.g. [3, 4]",
            got=shown(shape or "nothing"),
        )
    _check_size(tuple(sizes))
    return tuple(sizes)


def _check_size(shape: tuple[int, ...]) -> None:
    if prod(shape) > LARGEST:
        raise BackhandError(
            "this array is too large", wanted=f"at most {LARGEST:,} numbers", got=shown(list(shape))
        )


def _from_recipe(table: dict[str, Any], generator: np.random.RandomState) -> np.ndarray:
    recipe = table["init"]
    if recipe not in RECIPES:
        raise BackhandError(
            f"unknown init `{shown(recipe)}`",
            wanted=", ".join(RECIPES),
            repair=did_you_mean(str(recipe), RECIPES),
        )
    shape = _shape(table)
    options = {"fill": {"value": 0.0}, "linspace": {"low": 0.0, "high": 1.0},
               "uniform": {"low": 0.0, "high": 1.0}, "normal": {"mean": 0.0, "std": 1.0}}.get(
        recipe, {}
    )  # fmt: skip
    for key, value in table.items():
        if key in ("init", "shape"):
            continue
        if key not in options:
            wanted = ["init", "shape", *options]
            raise BackhandError(
                f"`{recipe}` has no `{shown(key)}`",
                wanted=", ".join(wanted),
                repair=did_you_mean(key, wanted),
            )
        if isinstance(value, bool) or not isinstance(value, int | float) or not _fits(value):
            raise BackhandError(f"`{key}` must be a finite number", got=shown(value))
        options[key] = float(value)
    if recipe == "uniform" and options["low"] > options["high"]:
        raise BackhandError("`low` must not be above `high`", got=shown(options))
    if recipe == "normal" and options["std"] < 0:
        raise BackhandError("`std` must not be below 0", got=shown(options))
    return _RECIPES.get(recipe, _by_fan)(recipe, shape, options, generator)


Recipe = Callable[[str, tuple[int, ...], dict[str, float], np.random.RandomState], np.ndarray]


def _by_fan(
    recipe: str, shape: tuple[int, ...], _: dict[str, float], generator: np.random.RandomState
) -> np.ndarray:
    """PyTorch's initialisers, for a matrix that stands as [in, out] in `x @ w`.

    PyTorch stores [out, in], so that shape is drawn and transposed.
    """
    if len(shape) != 2:
        raise BackhandError(
            f"`{recipe}` is for matrices", got=f"shape {list(shape)}", repair="use `uniform`"
        )
    fan_in, fan_out = shape
    stored, kind = (fan_out, fan_in), np.float64
    if recipe == "kaiming_uniform":
        return draws.kaiming_uniform(generator, stored, fan_in, kind).T
    if recipe == "kaiming_normal":
        return draws.kaiming_normal(generator, stored, fan_in, kind).T
    if recipe == "xavier_uniform":
        return draws.xavier_uniform(generator, stored, fan_in, fan_out, kind).T
    return draws.xavier_normal(generator, stored, fan_in, fan_out, kind).T


_RECIPES: dict[str, Recipe] = {
    "fill": lambda _, shape, o, g: np.full(shape, o["value"]),
    "linspace": lambda _, shape, o, g: np.linspace(o["low"], o["high"], prod(shape)).reshape(shape),
    "uniform": lambda _, shape, o, g: draws.uniform(g, shape, o["low"], o["high"], np.float64),
    "normal": lambda _, shape, o, g: draws.normal(g, shape, o["mean"], o["std"], np.float64),
}
