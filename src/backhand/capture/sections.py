"""The sections of a spec beside the network: training, printing, published figures."""

import sys
from math import prod
from pathlib import Path
from typing import Any

import numpy as np

from backhand.capture.arrays import array
from backhand.capture.places import KeyPath, Places
from backhand.errors import BackhandError, did_you_mean, shown
from backhand.experiment import LIBRARIES, Printing, Published, Training
from backhand.graph import Attribute, Network
from backhand.rules.updates import UPDATES, Update

SHOWS = ("rows", "value", "gradient", "trained")
MOST_EPOCHS = 1_000_000
SMALL = 64
"""How many trained numbers are printed unasked."""


def training(spec: dict[str, Any], network: Network, at: Places) -> Training | None:
    """The section [training]: optimizer, its options, epochs."""
    if "training" not in spec:
        return None
    if network.loss is None:
        raise BackhandError(
            "training needs a loss",
            where=at.where(("training",)),
            repair='add loss = "cross_entropy(p, y)" to [network]',
        )
    if not network.forward.parameters:
        raise BackhandError(
            "training needs weights",
            where=at.where(("training",)),
            repair="name them in [weights], or leave [training] out",
        )
    section = spec["training"]
    optimizer = _optimizer(section.get("optimizer", "sgd"), at)
    epochs = section.get("epochs")
    if type(epochs) is not int or not 1 <= epochs <= MOST_EPOCHS:
        raise BackhandError(
            "`epochs` is a whole number",
            where=at.where(("training", "epochs")),
            wanted=f"1 to {MOST_EPOCHS:,}",
            got="nothing" if epochs is None else shown(epochs),
        )
    return Training(optimizer.name, _options(section, optimizer, at), epochs)


def _optimizer(name: object, at: Places) -> Update:
    if not isinstance(name, str) or name not in UPDATES:
        raise BackhandError(
            "unknown optimizer",
            where=at.where(("training", "optimizer")),
            wanted=", ".join(UPDATES),
            got=shown(name),
            repair=did_you_mean(str(name).lower(), UPDATES),
        )
    return UPDATES[name]


def _options(
    section: dict[str, Any], optimizer: Update, at: Places
) -> tuple[tuple[str, Attribute], ...]:
    for option, value in section.items():
        if option in ("optimizer", "epochs"):
            continue
        where = at.where(("training", option))
        if option not in optimizer.options:
            raise BackhandError(
                f"`{optimizer.name}` has no option `{option}`",
                where=where,
                wanted=", ".join(optimizer.options),
            )
        _check_option(optimizer, option, value, where)
    for option in optimizer.options:
        if option not in section and option not in optimizer.defaults:
            raise BackhandError(
                f"`{option}` is missing",
                where=at.where(("training",)),
                wanted=f"a number, as `{optimizer.name}` has no default for it",
                repair=f"{option} = 0.01",
            )
    _check_together(section, at)
    chosen = {**optimizer.defaults, **section}
    return tuple((name, chosen[name]) for name in optimizer.options)


def _check_together(section: dict[str, Any], at: Places) -> None:
    """What PyTorch refuses of options that are each allowed."""
    if section.get("nesterov") and not section.get("momentum"):
        raise BackhandError(
            "nesterov needs momentum",
            where=at.where(("training", "nesterov")),
            repair="momentum = 0.9",
        )
    if section.get("nesterov") and section.get("dampening"):
        raise BackhandError(
            "nesterov has no dampening",
            where=at.where(("training", "dampening")),
            repair="leave one of the two out",
        )


def _check_option(optimizer: Update, option: str, value: object, where: str) -> None:
    if isinstance(optimizer.defaults.get(option), bool):
        if not isinstance(value, bool):
            raise BackhandError(f"`{option}` is true or false", where=where, got=shown(value))
        return
    limit = optimizer.limits[option]
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if not is_number or value not in limit or not abs(value) < sys.float_info.max:  # type: ignore
        raise BackhandError(
            f"`{option}` is out of range", where=where, wanted=str(limit), got=shown(value)
        )


def printing(
    spec: dict[str, Any], network: Network, train: Training | None, at: Places
) -> tuple[Printing, ...]:
    """The sections [[print]]; without any, outputs, the loss, and small trained weights."""
    sections = spec.get("print")
    if sections is None:
        return _unasked(network, train)
    if not isinstance(sections, list) or not all(isinstance(s, dict) for s in sections):
        raise BackhandError(
            "`print` is a list of sections", where=at.where(("print",)), wanted="[[print]]"
        )
    return tuple(_one_printing(s, network, train, ("print", i), at) for i, s in enumerate(sections))


def _unasked(network: Network, train: Training | None) -> tuple[Printing, ...]:
    outputs = [
        Printing("value", (v.name,), "The outputs", label=_both(f"{v.name}:\n"))
        for v in network.forward.outputs
    ]
    loss = [Printing("value", ("loss",), "The loss")] if network.loss else []
    sizes = np.cumsum([prod(map(int, v.shape)) for v in network.forward.parameters])
    small = [v for v, size in zip(network.forward.parameters, sizes, strict=True) if size <= SMALL]
    if train is None:
        return (*outputs, *loss)
    title = f"The weights after {train.epochs} epoch{'s' * (train.epochs > 1)}"
    trained = [Printing("trained", (v.name,), title, label=_both(f"{v.name}:\n")) for v in small]
    return (*outputs, *loss, *trained)


def _both(text: str) -> tuple[tuple[str, str], ...]:
    return tuple((library, text) for library in LIBRARIES)


def _one_printing(
    section: dict[str, Any], network: Network, train: Training | None, path: KeyPath, at: Places
) -> Printing:
    at.check_keys(section, (*SHOWS, "title", "heading", "label"), path)
    shows = [show for show in SHOWS if show in section]
    if len(shows) != 1:
        raise BackhandError(
            "a [[print]] shows one thing",
            where=at.where(path),
            wanted=f"one of {', '.join(SHOWS)}",
            got=", ".join(shows) or "none",
        )
    show = shows[0]
    names = _names(section[show], show, network, train, (*path, show), at)
    title = section.get("title", "")
    if not isinstance(title, str):
        raise BackhandError("`title` is text", where=at.where((*path, "title")), got=shown(title))
    heading, label = (_by_library(section, key, path, at) for key in ("heading", "label"))
    return Printing(show, names, title, heading, label)  # type: ignore[arg-type]


def _names(
    given: object, show: str, network: Network, train: Training | None, path: KeyPath, at: Places
) -> tuple[str, ...]:
    names = given if isinstance(given, list) else [given]
    if not names:
        raise BackhandError(f"`{show}` shows something", where=at.where(path), got="an empty list")
    weights = [v.name for v in network.forward.parameters]
    steps = [v.name for v in network.forward.outputs]
    known = {
        "rows": [v.name for v in network.forward.outputs if v.shape],
        "value": [*steps, *(["loss"] if network.loss else [])],
        "gradient": weights if network.loss else [],
        "trained": weights if train else [],
    }[show]
    needed = {"rows": "an output that has rows", "trained": "[training]"}.get(show, "a loss")
    for name in names:
        if name not in known:
            raise BackhandError(
                f"`{show}` cannot show this",
                where=at.where(path),
                wanted=f"one of {', '.join(known)}" if known else needed,
                got=shown(name),
                repair=did_you_mean(str(name), known),
            )
    return tuple(names)


def _by_library(
    section: dict[str, Any], key: str, path: KeyPath, at: Places
) -> tuple[tuple[str, str], ...]:
    given = section.get(key, "")
    if isinstance(given, str):
        return _both(given)
    if not isinstance(given, dict) or not all(
        library in LIBRARIES and isinstance(text, str) for library, text in given.items()
    ):
        raise BackhandError(
            f"`{key}` is text, or a table with a text for numpy and torch",
            where=at.where((*path, key)),
            got=shown(given),
        )
    return tuple((library, given.get(library, "")) for library in LIBRARIES)


def published(
    spec: dict[str, Any], arrays: dict[str, np.ndarray], network: Network, at: Places
) -> Published | None:
    """The section [published]: somebody else's trained weights, by library."""
    if "published" not in spec:
        return None
    section = spec["published"]
    note = section.get("note", "")
    if not isinstance(note, str):
        raise BackhandError("`note` is text", where=at.where(("published", "note")))
    weights = {v.name for v in network.forward.parameters}
    found: dict[str, dict[str, np.ndarray]] = {}
    for library in LIBRARIES:
        table = section.get(library, {})
        if not isinstance(table, dict):
            raise BackhandError(
                f"`{library}` is a section",
                where=at.where(("published", library)),
                wanted=f"[published.{library}] on a line of its own, weights below",
                got=shown(table),
            )
        for name, given in table.items():
            where = at.where(("published", library, name))
            if name not in weights:
                raise BackhandError(
                    "only weights can be set beside published ones",
                    where=where,
                    wanted=", ".join(sorted(weights)),
                    got=shown(name),
                )
            try:
                figures = _figures(given)
            except BackhandError as error:
                raise error.located(where) from None
            if figures.shape != arrays[name].shape:
                raise BackhandError(
                    "published weights have another shape",
                    where=where,
                    wanted=str(list(arrays[name].shape)),
                    got=str(list(figures.shape)),
                )
            found.setdefault(library, {})[name] = figures
    return Published(note, found)


def _figures(given: object) -> np.ndarray:
    if not isinstance(given, list):
        raise BackhandError("published weights are written out", wanted="rows of numbers")
    return array(given, Path(), np.random.RandomState(0))
