"""A spec, the small TOML file of docs/spec.md, as an Experiment. Data only: nothing in it is run.

Every mistake is one `BackhandError` with file, line and key.
"""

import re
import tomllib
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from backhand import draws
from backhand.capture.arrays import array
from backhand.capture.network import check_name, read_network
from backhand.capture.places import Places, places
from backhand.capture.sections import printing, published, training
from backhand.derive import derive, idle_parameters
from backhand.errors import BackhandError, shown
from backhand.experiment import Experiment, Library, Precision
from backhand.passes.names import name_all
from backhand.rules.updates import UPDATES

KEYS: dict[str, tuple[str, ...]] = {
    "": ("name", "about", "seed", "precision", "inputs", "targets", "weights", "network",
         "training", "print", "published"),
    "network": ("steps", "outputs", "loss"),
    "training": ("optimizer", "epochs",
                 *dict.fromkeys(o for update in UPDATES.values() for o in update.options)),
    "print": ("rows", "value", "gradient", "trained", "title", "heading", "label"),
    "published": ("note", "numpy", "torch"),
    "precision": ("numpy", "torch"),
}  # fmt: skip
"""What may stand where; the JSON Schema says the same, and a test holds them together."""

SCHEMA = Path(__file__).with_name("spec.schema.json")

LARGEST_SEED = 2**32 - 1


def load(file: Path, seed: int | None = None) -> Experiment:
    """The experiment that a spec file describes.

    Args:
        file: a TOML file as docs/spec.md describes it.
        seed: takes the place of the spec's own seed.

    Raises:
        BackhandError: for anything that is wrong with it.
    """
    try:
        text = file.read_bytes().decode("utf-8")
    except FileNotFoundError:
        raise BackhandError(
            "there is no such file",
            where=str(file),
            wanted="a spec, a .toml file",
            repair=f"`backhand new {file.stem or 'NAME'}` writes a starter",
        ) from None
    except IsADirectoryError:
        raise BackhandError("this is a folder", where=str(file), wanted="a .toml file") from None
    except OSError as error:
        raise BackhandError(f"cannot be read ({error.strerror})", where=str(file)) from None
    except UnicodeDecodeError:
        raise BackhandError("this is not text in UTF-8", where=str(file), wanted="TOML") from None
    return parse(text, file.name, file.parent, seed)


def parse(text: str, file: str, folder: Path, seed: int | None = None) -> Experiment:
    """The experiment of a spec's text; `file` is for messages, `folder` where its files lie."""
    try:
        spec = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise _not_toml(error, file) from None
    except RecursionError:
        raise BackhandError("this is nested too deeply", where=file) from None
    at = places(file, text)
    _check_keys(spec, at)
    given = spec.get("seed", 0) if seed is None else seed
    start = _seed(given, at.where(("seed",)) if seed is None else "--seed")
    arrays = _arrays(spec, at, folder, start)
    network = read_network(spec, at, arrays)
    train = training(spec, network, at)
    for idle in idle_parameters(network):
        raise BackhandError(
            f"`{idle.name}` does not influence the loss, so it cannot be trained",
            where=at.where(("weights", idle.name)),
            repair=f"use `{idle.name}` in the network, or leave it out of the weights",
        )
    network = name_all(derive(network) if network.loss else network)
    name = check_spec_name(spec.get("name", Path(file).stem), at.where(("name",)))
    return Experiment(
        name=name,
        about=_text(spec, "about", at),
        network=replace(network, name=name),
        arrays=arrays,
        training=train,
        precision=_precision(spec.get("precision", {}), at),
        seed=start,
        printing=printing(spec, network, train, at),
        published=published(spec, arrays, network, at),
        source=text,
    )


def _not_toml(error: tomllib.TOMLDecodeError, file: str) -> BackhandError:
    message = str(error)
    found = re.search(r"\(at line (\d+), column (\d+)\)", message)
    where = f"{file}:{found[1]}" if found else file
    reason = message[: found.start()].strip() if found else message
    return BackhandError(
        "this is not TOML",
        where=where,
        wanted='lines such as `key = value`, text in "quotes"',
        got=f"{reason}" + (f", in column {found[2]}" if found else ""),
        repair="see docs/spec.md, or start from `backhand new NAME`",
    )


def _check_keys(spec: dict[str, Any], at: Places) -> None:
    """Sections are tables, and hold only keys that mean something."""
    at.check_keys(spec, KEYS[""], ())
    for section in ("inputs", "network"):
        if section not in spec:
            raise BackhandError(
                f"the section [{section}] is missing",
                where=at.file,
                repair="see docs/spec.md, or start from `backhand new NAME`",
            )
    for section in ("inputs", "targets", "weights", "network", "training", "published"):
        table = spec.get(section, {})
        if not isinstance(table, dict):
            raise BackhandError(
                f"`{section}` is a section",
                where=at.where((section,)),
                wanted=f"[{section}] on a line of its own, its keys below",
                got=shown(table),
            )
        if section in KEYS:
            at.check_keys(table, KEYS[section], (section,))


def _text(spec: dict[str, Any], key: str, at: Places) -> str:
    value = spec.get(key, "")
    if not isinstance(value, str):
        raise BackhandError(f"`{key}` is text", where=at.where((key,)), got=shown(value))
    return value


def check_spec_name(name: object, where: str) -> str:
    """The name, if it is safe as the name of a file and a folder."""
    if not isinstance(name, str) or not re.fullmatch(r"[A-Za-z0-9][\w .-]{0,79}", name, re.A):
        raise BackhandError(
            "this cannot name a folder",
            where=where,
            wanted="letters, digits, blanks, `_`, `-` and `.`, beginning with a letter or digit",
            got=shown(name),
        )
    return name


def _seed(seed: object, where: str) -> int:
    if type(seed) is not int or not 0 <= seed <= LARGEST_SEED:
        raise BackhandError(
            "a seed is a whole number",
            where=where,
            wanted=f"0 to {LARGEST_SEED}",
            got=shown(seed),
        )
    return seed


def _precision(given: object, at: Places) -> dict[Library, Precision]:
    if isinstance(given, str):
        given = {"numpy": given, "torch": given}
    if not isinstance(given, dict):
        raise BackhandError(
            "`precision` is a word or a table", where=at.where(("precision",)), got=shown(given)
        )
    at.check_keys(given, KEYS["precision"], ("precision",))
    for library, precision in given.items():
        if precision not in ("float32", "float64"):
            raise BackhandError(
                "unknown precision",
                where=at.where(("precision", library)),
                wanted="float32 or float64",
                got=shown(precision),
            )
    return {"numpy": given.get("numpy", "float64"), "torch": given.get("torch", "float32")}


def _arrays(spec: dict[str, Any], at: Places, folder: Path, seed: int) -> dict[str, np.ndarray]:
    generator = draws.generator(seed)
    arrays: dict[str, np.ndarray] = {}
    for section in ("inputs", "targets", "weights"):
        for name, given in spec.get(section, {}).items():
            check_name(name, at.where((section, name)), is_data=section != "weights")
            if name in arrays:
                raise BackhandError(
                    f"`{name}` is given twice", where=at.where((section, name)), repair="rename one"
                )
            try:
                arrays[name] = array(given, folder, generator)
            except BackhandError as error:
                raise error.located(at.where((section, name))) from None
    _check_batch(spec, arrays, at)
    return arrays


def _check_batch(spec: dict[str, Any], arrays: dict[str, np.ndarray], at: Places) -> None:
    if not spec["inputs"]:
        raise BackhandError(
            "a network needs an input", where=at.where(("inputs",)), repair="x = [[1, 2, 3]]"
        )
    first = next(iter(spec["inputs"]))
    rows = len(arrays[first])
    for section in ("inputs", "targets"):
        for name in spec.get(section, {}):
            if len(arrays[name]) != rows:
                raise BackhandError(
                    "every input and target needs the same number of rows",
                    where=at.where((section, name)),
                    wanted=f"{rows}, as in {first}",
                    got=str(len(arrays[name])),
                    repair="each row is one example; for a single one write [[1, 2, 3]]",
                )
