"""The sections of a spec that are the network: inputs, targets, weights, steps, outputs, loss."""

import keyword
import re
from typing import Any

import numpy as np

from backhand.capture.formula import GENERATOR, Reader
from backhand.capture.places import KeyPath, Places
from backhand.errors import BackhandError, did_you_mean, shown
from backhand.graph import Kind, Network, Place, Value, check
from backhand.passes.reserved import TRAINING_NAMES, is_reserved


def read_network(spec: dict[str, Any], at: Places, arrays: dict[str, np.ndarray]) -> Network:
    """The forward pass and the loss, as the spec's formulas and arrays make them."""
    inputs = tuple(_batched(n, arrays[n], "input") for n in spec["inputs"])
    targets = tuple(_batched(n, arrays[n], "target") for n in spec.get("targets", {}))
    weights = tuple(Value(n, arrays[n].shape, "parameter") for n in spec.get("weights", {}))
    reader = Reader({v.name: v for v in (*inputs, *weights)})
    _read_steps(spec["network"], reader, at)
    outputs = _outputs(spec["network"], reader, at)
    draws_masks = any(step.function == "dropout_mask" for step in reader.steps)
    forward = Kind(
        "network",
        (*inputs, *((GENERATOR,) if draws_masks else ())),
        weights,
        outputs,
        tuple(reader.steps),
    )
    _check_derivative_names([*reader.scope, *spec.get("targets", {})], spec, at)
    loss = _loss(spec["network"], reader, (*targets, *weights), outputs, at)
    return check(Network("network", (("B", "batch"),), forward, loss), named=False)


def _batched(name: str, values: np.ndarray, role: str) -> Value:
    facts = frozenset({"rows sum to one"} if _rows_sum_to_one(values) else ())
    return Value(name, ("B", *values.shape[1:]), role, facts=facts)  # type: ignore[arg-type]


def _rows_sum_to_one(values: np.ndarray) -> bool:
    """Exactly, and in every precision: only rows of 0 and 1 are sure of that."""
    is_one_hot = values.ndim == 2 and bool(np.isin(values, (0, 1)).all())
    return is_one_hot and bool((values.sum(axis=-1) == 1).all())


def _read_steps(section: dict[str, Any], reader: Reader, at: Places) -> None:
    steps = section.get("steps")
    if not isinstance(steps, list) or not steps or not all(isinstance(s, str) for s in steps):
        raise BackhandError(
            "`steps` is a list of lines",
            where=at.where(("network", "steps")),
            wanted='e.g. ["z1 = x @ w1", "p = softmax(z1)"]',
            got=shown(steps),
        )
    for i, line in enumerate(steps):
        path = ("network", "steps", i)
        where = at.where(path)
        name, equals, formula = (part.strip() for part in line.partition("="))
        if not equals:
            raise BackhandError(
                "a step gives a name to a formula",
                where=where,
                wanted="`name = formula`",
                got=shown(line),
            )
        check_name(name, where)
        if name in reader.scope:
            raise BackhandError(
                f"`{name}` has a value already",
                where=where,
                repair=f"one value, one name: call this one `{name}2` or `{name}_new`",
            )
        _read(reader, formula, name, path, line, at)


def _read(reader: Reader, formula: str, name: str, path: KeyPath, line: str, at: Places) -> None:
    try:
        reader.read(formula, name, Place(at.file, at.line(path), line))
    except BackhandError as error:
        raise error.located(at.where(path)) from None


def _check_derivative_names(names: list[str], spec: dict[str, Any], at: Places) -> None:
    """Raise if a name is what the programs call the derivative of another."""
    for name in names:
        if name.startswith("d") and name[1:] in names:
            sections = [s for s in ("inputs", "targets", "weights") if name in spec.get(s, {})]
            steps = [i for i, line in enumerate(spec["network"]["steps"])
                     if line.partition("=")[0].strip() == name]  # fmt: skip
            path = (sections[0], name) if sections else ("network", "steps", steps[0])
            raise BackhandError(
                f"`{name}` is what the written programs call the derivative of `{name[1:]}`",
                where=at.where(path),
                repair=f"call it `{name}_`",
            )


def _outputs(section: dict[str, Any], reader: Reader, at: Places) -> tuple[Value, ...]:
    made = [step.output.name for step in reader.steps if not step.output.is_nameless]
    names = section.get("outputs", made[-1:])
    if not isinstance(names, list) or not names or not all(isinstance(n, str) for n in names):
        raise BackhandError(
            "`outputs` is a list of names",
            where=at.where(("network", "outputs")),
            wanted=f'e.g. ["{made[-1]}"]',
            got=shown(names),
        )
    for name in names:
        if name not in made:
            raise BackhandError(
                f"no step makes `{shown(name)}`",
                where=at.where(("network", "outputs")),
                wanted=f"one of {', '.join(made)}",
                got=shown(name),
                repair=did_you_mean(name, made),
            )
    if len(set(names)) != len(names):
        raise BackhandError(
            "an output is named twice", where=at.where(("network", "outputs")), got=shown(names)
        )
    return tuple(reader.scope[name] for name in names)


def _loss(
    section: dict[str, Any],
    reader: Reader,
    others: tuple[Value, ...],
    outputs: tuple[Value, ...],
    at: Places,
) -> Kind | None:
    """The loss: a formula over outputs, targets and weights that ends in one number."""
    if "loss" not in section:
        return None
    formula, where = section["loss"], at.where(("network", "loss"))
    if not isinstance(formula, str):
        raise BackhandError("`loss` is a formula", where=where, got=shown(formula))
    for value in others:
        if value.role == "target" and value.name in reader.scope:
            raise BackhandError(
                f"`{value.name}` is both a target and a step", where=where, repair="rename one"
            )
    scope = {value.name: value for value in (*outputs, *others)}
    loss_reader = Reader(scope, nameless=reader.nameless)
    _read(loss_reader, formula, "loss", ("network", "loss"), formula, at)
    loss = scope["loss"]
    if loss.shape != ():
        raise BackhandError(
            "a loss is one number",
            where=where,
            wanted="e.g. cross_entropy(p, y), or sum(...) around it",
            got=f"an array of shape [{', '.join(map(str, loss.shape))}]",
        )
    if any(step.function == "dropout_mask" for step in loss_reader.steps):
        raise BackhandError("a loss draws no dropout", where=where, repair="put it into a step")
    read = {value.name for step in loss_reader.steps for value in step.inputs}
    inputs = tuple(v for v in (*outputs, *others) if v.role != "parameter" and v.name in read)
    weights = tuple(v for v in others if v.role == "parameter" and v.name in read)
    return Kind("network_loss", inputs, weights, (loss,), tuple(loss_reader.steps))


def check_name(name: str, where: str, *, is_data: bool = False) -> None:
    """Raise unless a name can stand in both programs; inputs and targets are `is_data`."""
    if not re.fullmatch(r"[A-Za-z]\w*", name, re.A) or keyword.iskeyword(name) or len(name) > 40:
        raise BackhandError(
            f"`{shown(name)}` cannot be a name",
            where=where,
            wanted="a letter, then letters, digits and `_`, at most 40, and no word of Python",
            got=shown(name),
            repair="choose another, e.g. `w1`",
        )
    if is_reserved(name) or (is_data and name in TRAINING_NAMES):
        raise BackhandError(
            f"`{name}` is a name that the written programs use themselves, or an operator",
            where=where,
            repair=f"call it `{name}_`",
        )
