"""An .npz of what somebody computed: which scene its names belong to."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from backhand.agreement.traces import read_trace
from backhand.diagnose.machine import Machine
from backhand.diagnose.scene import Draw, Scene, Seen
from backhand.diagnose.theirs.layouts import fitted
from backhand.diagnose.theirs.names import Layout, gradient_of, role, slots
from backhand.errors import BackhandError
from backhand.writers import shared

TRAINED = ("final", "trained", "after", "end", "new", "last")
Named = Mapping[str, Seen]


def scenes_of_npz(machine: Machine, file: Path, given: Mapping[str, str]) -> list[Scene]:
    """The scenes of a file of arrays; weights are taken as those after training.

    Raises:
        BackhandError: if it cannot be read, or no name in it is one of the network's.
    """
    arrays = read_trace(file)[0]
    return scenes_of_arrays(
        machine, {n: Seen(np.asarray(a)) for n, a in arrays.items()}, str(file), given
    )


def scenes_of_arrays(
    machine: Machine, named: Named, where: str, given: Mapping[str, str]
) -> list[Scene]:
    """Sort arrays by their names into one pass and the end of training.

    Raises:
        BackhandError: if none of the names is known.
    """
    experiment = machine.experiment
    data = tuple(experiment.arrays[n] for n in shared.data_names(experiment))
    weights = tuple(experiment.arrays[n] for n in machine.correct.parameters)
    layout = Layout(machine.correct.parameters, tuple(w.shape for w in weights))
    one, end = _sorted(machine, named, layout, given)
    draws = tuple(
        Draw("mask", s.values) for n, s in named.items()
        if n in machine.correct.masks or role(given.get(n, n)) == "mask"
    )  # fmt: skip
    scenes = []
    if one:
        mode = "pass" if draws else "evaluation"
        scenes.append(Scene("in one pass", mode, data, weights, one, 0, draws))  # type: ignore[arg-type]
    if end and experiment.training:
        epochs = experiment.training.epochs
        notes = (f"our own masks, of seed {experiment.seed}, are used",) if experiment.draws else ()
        scenes.append(
            Scene(f"after {epochs} epochs", "training", data, weights, end, epochs, notes=notes)
        )
    if not scenes:
        known = [*_outputs(machine), "loss", *(f"d{n}" for n in layout.names), *layout.names]
        raise BackhandError(
            "none of these arrays has the name of a value of the network", where=where,
            wanted=f"some of {', '.join(known)}", got=", ".join(named) or "no arrays",
            repair="say which is which: --map theirs=ours",
        )  # fmt: skip
    return scenes


def _outputs(machine: Machine) -> dict[str, tuple[int | str, ...]]:
    return {v.name: v.shape for v in machine.experiment.network.forward.outputs}


def _sorted(
    machine: Machine, named: Named, layout: Layout, given: Mapping[str, str]
) -> tuple[dict[str, Seen], dict[str, Seen]]:
    one: dict[str, Seen] = {}
    end: dict[str, Seen] = {}
    stems = {n: _stem(n) for n in named}
    gradients = {n: gradient_of(s) for n, s in stems.items() if gradient_of(s)}
    plain = [(stems[n], named[n].values.shape) for n in named if n not in gradients]
    weights = slots(plain, layout, given)
    slopes = slots([(g, named[n].values.shape) for n, g in gradients.items()], layout, {})
    output = next(iter(_outputs(machine)))
    rows = len(next(iter(machine.experiment.arrays.values())))
    for name, seen in named.items():
        wanted = given.get(name, "")
        if name in gradients and gradients[name] in slopes:
            slot = slopes[gradients[name]]
            one[f"d{layout.names[slot]}"] = _as(seen, layout.shapes[slot])
        elif wanted.startswith("d") and wanted[1:] in layout.names:
            one[wanted] = _as(seen, layout.shapes[layout.names.index(wanted[1:])])
        elif stems[name] in weights:
            slot = weights[stems[name]]
            end[f"{layout.names[slot]}@end"] = _as(seen, layout.shapes[slot])
        elif wanted == "loss" or (role(name) == "loss" and seen.values.size == 1):
            one["loss"] = _as(seen, ())
        elif output in (wanted, name) or role(name) == "p":
            shape = (rows, *(int(k) for k in _outputs(machine)[output][1:]))
            one.setdefault(output, _as(seen, shape))
    return one, end


def _stem(name: str) -> str:
    for ending in TRAINED:
        name = name.removesuffix(f"_{ending}").removeprefix(f"{ending}_")
    return name


def _as(seen: Seen, shape: tuple[int, ...]) -> Seen:
    return Seen(fitted(seen.values, shape), seen.half)
