"""From what the probes saw of a run to scenes: which arrays are weights, gradients, outputs."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from backhand.diagnose.theirs.draws import MOST_BETWEEN
from backhand.diagnose.theirs.layouts import Form, fitted, form_of
from backhand.diagnose.theirs.names import fits, gradient_of, plain, role, slots
from backhand.diagnose.theirs.request import Request
from backhand.diagnose.theirs.watching import Event

KEPT = (1, 2, 3)
CHANGED = 2
"""What it was, and what it became."""
LEAST, STRAIGHT = 3, 1e-9
"""So many numbers as are on a line with what was drawn, by chance never."""
ERRORS = ("e", "error")
"""What a loss may be called, and the difference at an output too."""
MATRIX = 2
"""Axes of what may lie there transposed, even where its shape does not tell."""
MANY = 3
"""Nothing, one example, both: what is added up over the examples is at least so many things."""


@dataclass
class Run:
    """A run of theirs, sorted: the weights it began with, and what each epoch computed."""

    first: dict[int, np.ndarray] = field(default_factory=dict)
    current: dict[str, np.ndarray] = field(default_factory=dict)
    before: dict[str, np.ndarray] = field(default_factory=dict)
    """The first pass, if nothing was drawn until then."""
    epochs: list[dict[str, np.ndarray]] = field(default_factory=list)
    earlier: list[dict[str, np.ndarray]] = field(default_factory=list)
    """Of each epoch the gradients that were changed once, as they were before."""
    firsts: dict[str, np.ndarray] = field(default_factory=dict)
    """What each name was first in this epoch."""
    between: list[tuple[str, np.ndarray]] = field(default_factory=list)
    """What else was computed, until weights first changed."""
    unclear: bool = False
    """Whether the first pass was told twice, with other outputs."""
    repeated: bool = False
    """Whether an output was computed again though no weight was seen to change in between."""
    values: dict[str, set[bytes]] = field(default_factory=dict)
    """What each name was in this epoch."""
    summed: set[str] = field(default_factory=set)
    """Gradients that are added up over the examples."""
    drawn: dict[int, int] = field(default_factory=dict)
    """How many draws were made before each weight was first seen."""
    open: set[int] = field(default_factory=set)
    weights: dict[int, np.ndarray] = field(default_factory=dict)


def scenes_of(
    events: list[Event], draws: list[dict[str, Any]], request: Request
) -> list[dict[str, Any]]:
    """The scenes that a run shows: the pass before training, and the training."""
    kinds = classified(events, request)
    run = _sorted(events, kinds, request)
    if not run.first and not run.before and not run.current:
        return []
    ours = list(request.weights)
    form = form_of(run.first, request.layout, ours)
    draws = _of_no_weights(draws, run)
    own = {i: form.own_weight(a, request.layout.shapes[i]) for i, a in run.first.items()}
    begun = [own.get(i, w) for i, w in enumerate(ours)]
    begun = [
        np.asarray(b, float) if b.shape == w.shape else w for b, w in zip(begun, ours, strict=True)
    ]
    same = all(np.allclose(a, b, rtol=1e-12, atol=0) for a, b in zip(begun, ours, strict=True))
    notes = [] if same else _other_weights(begun, ours, request)
    if not same and _is_mistaken_start(begun, ours):
        begun, notes = ours, []  # the catalogue has such beginnings: it is asked
    found = []
    trains = bool(run.epochs)
    shown = run.before if (request.draws or not trains) and not run.unclear else {}
    if not shown and not trains:
        is_whole = len(run.first) in (0, len(ours)) and not run.repeated
        shown = run.current if is_whole else {}
    if shown:
        drawn = draws if not run.before else []
        seen = {k: _ours(k, a, form, request) for k, a in shown.items()}
        found.append(
            _scene(
                "as their file runs",
                "pass" if drawn else "evaluation",
                begun,
                seen,
                form.draws(drawn),
                notes,
            )
        )
    if run.epochs and request.epochs:
        found.append(_training(run, begun, form, form.draws(draws), notes, request))
    return found


def _of_no_weights(draws: list[dict[str, Any]], run: Run) -> list[dict[str, Any]]:
    """The draws without those from which weights were made: these are no masks."""
    for_weights = {
        run.drawn[slot] - 1
        for slot, array in run.first.items()
        if run.drawn.get(slot) and _is_made_of(array, draws[run.drawn[slot] - 1]["values"])
    }
    return [draw for i, draw in enumerate(draws) if i not in for_weights]


def _is_made_of(array: np.ndarray, drawn: np.ndarray) -> bool:
    """Whether numbers are drawn ones but for a shift and a scale."""
    if array.size != drawn.size or array.size < LEAST:
        return False
    pair = array.astype(float).ravel(), drawn.astype(float).ravel()
    if not all(map(np.ptp, pair)):
        return False
    return bool(abs(np.corrcoef(*pair)[0, 1]) > 1 - STRAIGHT)


def _is_ours(array: np.ndarray, slot: int, request: Request) -> bool:
    own = fitted(array, request.layout.shapes[slot])
    ours = request.weights[slot]
    forms = (own, own.T) if own.ndim == MATRIX else (own,)
    return any(form.shape == ours.shape and np.allclose(form, ours) for form in forms)


def _other_weights(begun: list[np.ndarray], ours: list[np.ndarray], request: Request) -> list[str]:
    other = [
        n
        for n, a, b in zip(request.layout.names, begun, ours, strict=True)
        if not np.allclose(a, b)
    ]
    return (
        [f"their own initial {', '.join(other)} are used, which are not the spec's"]
        if other
        else []
    )


def _is_mistaken_start(begun: list[np.ndarray], ours: list[np.ndarray]) -> bool:
    """Whether their beginning is the spec's with a mistake in it, and not another one."""

    def related(a: np.ndarray, b: np.ndarray) -> bool:
        if np.allclose(a, b):
            return True
        if np.ptp(a) == 0 or a.size != b.size:
            return True
        if np.allclose(np.sort(a.ravel()), np.sort(b.ravel())) or np.allclose(a, np.trunc(b)):
            return True
        with np.errstate(all="ignore"):
            ratio = (a / b)[np.isfinite(a / b)]
        if ratio.size and np.allclose(ratio, ratio.ravel()[0], rtol=1e-6):
            return True
        return any(o.shape == a.shape and np.allclose(o, a) for o in ours) or np.allclose(
            a, b, rtol=1e-3
        )

    return all(related(a, b) for a, b in zip(begun, ours, strict=True))


def _scene(
    name: str, mode: str, weights: list[np.ndarray], seen: dict[str, np.ndarray],
    draws: list[dict[str, Any]], notes: list[str], epochs: int = 0,
) -> dict[str, Any]:  # fmt: skip
    return {"name": name, "mode": mode, "weights": weights, "data": None, "seen": seen,
            "draws": draws, "notes": notes, "epochs": epochs}  # fmt: skip


def _training(
    run: Run, begun: list[np.ndarray], form: Form, draws: list[dict[str, Any]], notes: list[str],
    request: Request,
) -> dict[str, Any]:  # fmt: skip
    _join(run, request)
    seen: dict[str, np.ndarray] = {}
    earlier: dict[str, np.ndarray] = {}
    is_shuffled = any(draw["kind"] == "order" for draw in draws)  # the rows of an output are too
    for number in _told_epochs(run, request):
        if number <= len(run.epochs):
            for key, array in run.epochs[number - 1].items():
                if is_shuffled and key in request.outputs:
                    continue
                seen[f"{key}@{number}"] = _ours(key, array, form, request)
            for key, array in run.earlier[number - 1].items():
                earlier[f"{key}@{number}"] = _ours(key, array, form, request)
    for i, array in run.weights.items():
        name = request.layout.names[i]
        seen[f"{name}@end"] = _ours(name, array, form, request)
    after = {k: a for k, a in run.current.items() if k in request.outputs}
    if after and "after" in run.current:
        seen |= {f"{k}@after": _ours(k, a, form, request) for k, a in after.items()}
    scene = _scene("as their file trains", "training", begun, seen, draws, notes, request.epochs)
    summed = [key for key in seen if key.partition("@")[0] in run.summed]
    return {**scene, "between": run.between, "earlier": earlier, "summed": summed}


def _join(run: Run, request: Request) -> None:
    """Make one epoch of several changes of the weights: its first gradients, its last weights."""
    each, rest = divmod(len(run.epochs), request.epochs)
    if rest or each < CHANGED:
        return
    names = request.layout.names
    joined = []
    for start in range(0, len(run.epochs), each):
        first, last = run.epochs[start], run.epochs[start + each - 1]
        is_whole = any(k in first and request.rows in first[k].shape for k in request.outputs)
        kept = {k: a for k, a in first.items() if k[1:] in names or is_whole}
        joined.append({**kept, **{k: a for k, a in last.items() if k in names}})
    run.epochs, run.earlier = joined, run.earlier[::each]


def _told_epochs(run: Run, request: Request) -> tuple[int, ...]:
    """The epochs whose values are certain: where some changed no weight, only the first."""
    if len(run.epochs) > request.epochs + 1:
        return ()
    return KEPT if len(run.epochs) >= request.epochs - 1 else KEPT[:1]


def _ours(key: str, array: np.ndarray, form: Form, request: Request) -> np.ndarray:
    names = request.layout.names
    if key in request.outputs:
        shape = (request.rows, *request.outputs[key][1:])
        found = form.output(array, shape)
        if shape == found.shape and len(shape) == 2 and shape[0] == shape[1]:
            wanted = request.expected[key]
            turned = np.allclose(found.T, wanted) and not np.allclose(found, wanted)
            return found.T if turned else found
        return found
    name = key.removeprefix("d") if key not in names else key
    if name in names:
        return form.own_weight(array, request.layout.shapes[names.index(name)])
    return array.reshape(()) if array.size == 1 else array


def classified(events: list[Event], request: Request) -> dict[str, str]:
    """For each name of theirs the name of ours it stands for, as far as it can be told."""
    firsts: dict[str, tuple[int, ...]] = {}
    for name, array, _, _ in events:
        if role(name) != "loss" or array.dtype.kind == "f":  # L may be the number of layers
            firsts.setdefault(name, array.shape)
    layout, given = request.layout, request.given
    found = slots([(n, s) for n, s in firsts.items() if not gradient_of(n)], layout, given)
    kinds = {name: layout.names[i] for name, i in found.items()}
    kinds |= _by_value(events, request, set(kinds.values()))
    by_plain = {plain(name): layout.names.index(kind) for name, kind in kinds.items()}
    loose = []
    for name, shape in firsts.items():
        inner = plain(gradient_of(name)) if name not in kinds else ""
        if given.get(name, "")[1:] in layout.names and given.get(name, "")[:1] == "d":
            kinds[name] = given[name]
        elif inner in by_plain:
            kinds[name] = "d" + layout.names[by_plain[inner]]
        elif inner:
            loose.append((inner, shape, name))
    if loose and not any(k.startswith("d") and k[1:] in layout.names for k in kinds.values()):
        named = slots([(inner, shape) for inner, shape, _ in loose], layout, {})
        kinds |= {
            name: "d" + layout.names[named[inner]] for inner, _, name in loose if inner in named
        }
    return kinds | _outputs(firsts, kinds, request)


def _by_value(events: list[Event], request: Request, known: set[str]) -> dict[str, str]:
    """Weights that no name tells: what begins with the very numbers of one of the spec's."""
    layout, found = request.layout, dict[str, str]()
    for name, array, _, _ in events:
        for i, ours in enumerate(request.weights):
            free = layout.names[i] not in (*known, *found.values()) and name not in found
            own = fitted(array, layout.shapes[i])
            is_it = own.shape == ours.shape and np.ptp(ours) > 0 and np.allclose(own, ours)
            if free and is_it and ours.size > 1:
                found[name] = layout.names[i]
    return found


def _outputs(
    firsts: dict[str, tuple[int, ...]], kinds: dict[str, str], request: Request
) -> dict[str, str]:
    found: dict[str, str] = {}
    output = next(iter(request.outputs))
    shape = (request.rows, *request.outputs[output][1:])
    for name, size in firsts.items():
        wanted = request.given.get(name)
        if wanted in request.outputs or wanted == "loss":
            found[name] = str(wanted)
        elif name in kinds:
            continue
        elif name in request.outputs and fits(size, (request.rows, *request.outputs[name][1:])):
            found[name] = name
        elif role(name) == "loss" and int(np.prod(size)) == 1:
            found[name] = "loss"
    losses = [name for name, kind in found.items() if kind == "loss"]
    errors = [name for name in losses if plain(name) in ERRORS and name not in request.given]
    if len(errors) < len(losses):  # a unit's error, where the loss has a name of its own
        found = {name: kind for name, kind in found.items() if name not in errors}
    if not set(found.values()) & set(request.outputs):
        named = [
            n for n, s in firsts.items() if role(n) == "p" and fits(s, shape) and n not in kinds
        ]
        depth = len([s for s in request.layout.shapes if len(s) >= 2])
        numbered = [
            n
            for n, s in firsts.items()
            if plain(n) in (f"a{depth}", f"h{depth}", f"o{depth}") and fits(s, shape)
        ]
        for name in (named or numbered)[:1]:
            found[name] = output
    return found


def _sorted(events: list[Event], kinds: dict[str, str], request: Request) -> Run:
    names = request.layout.names
    owners: dict[int, int] = {}
    run = Run()
    for name, array, drawn, identity in events:
        if not run.epochs and len(run.between) < MOST_BETWEEN:
            run.between.append((name, array))
        key = kinds.get(name)
        if identity in owners and key is None:
            key = names[owners[identity]]
        if key is None:
            continue
        if key in names:
            slot = names.index(key)
            if slot in run.first and array.size == 1 < run.first[slot].size:
                continue  # another thing of that name: the `b1` of an optimiser is its beta
            owners[identity] = slot
            if not run.current and _is_ours(array, slot, request):
                run.first.pop(slot, None)  # what it was before nothing was computed with
            if slot not in run.first:
                run.drawn[slot] = drawn
            _weight(run, slot, array, names)
        elif (key[1:] in names or key == "loss") and not array.any():
            continue  # where a sum begins
        else:
            if key == "loss" and run.open:
                run.earlier[-1][key] = array  # of this epoch, if it was made of the old output
            if run.open and key in (*request.outputs, "loss") and len(run.open) >= len(run.first):
                _close(run, names)
            if run.open and _is_late(run, key, names):
                run.epochs[-1][key] = array
                continue
            if not run.epochs and not drawn:
                is_other = key in request.outputs and key in run.before
                run.unclear |= is_other and not np.array_equal(run.before[key], array)
                run.before[key] = array
            if key in request.outputs and key in run.current and not run.epochs:
                run.repeated |= not np.array_equal(run.current[key], array)
            run.values.setdefault(key, set()).add(array.tobytes())
            run.firsts.setdefault(key, array)
            run.current[key] = array
    if run.open:
        _close(run, names)
    return run


def _is_late(run: Run, key: str, names: tuple[str, ...]) -> bool:
    """Whether a gradient belongs to the step that has begun: its weight has not moved yet."""
    slot = names.index(key[1:]) if key[1:] in names else None
    return slot is not None and slot not in run.open and key not in run.epochs[-1]


def _weight(run: Run, slot: int, array: np.ndarray, names: tuple[str, ...]) -> None:
    if slot not in run.first:
        run.first[slot] = run.weights[slot] = array
        return
    if np.array_equal(array, run.weights[slot], equal_nan=True):
        return  # handed on, not changed
    if slot in run.open:
        _close(run, names)
    if not run.open:
        outputs = [k for k in run.values if not (k == "loss" or k[1:] in names)]
        unclear = [k for k in outputs if len(run.values[k]) > 1]
        run.epochs.append({k: run.current[k] for k in run.values if k not in unclear})
        run.summed |= {
            k for k, values in run.values.items() if k[1:] in names and len(values) >= MANY
        }
        run.earlier.append(
            {
                k: run.firsts[k]
                for k, values in run.values.items()
                if k[1:] in names and len(values) == CHANGED and run.firsts[k].any()
            }
        )
        run.values.clear()
        run.firsts.clear()
    run.open.add(slot)
    run.weights[slot] = array


def _close(run: Run, names: tuple[str, ...]) -> None:
    for slot, array in run.weights.items():
        run.epochs[-1][names[slot]] = array
    run.open.clear()
