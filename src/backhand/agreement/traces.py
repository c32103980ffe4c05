"""Arrays that somebody else made: each value held against what our line makes of their numbers.

Nothing is asked of them but names. What they have is fed to the lines below; what they lack is
computed by ours, and carried on with its bound.
"""

import zlib
from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, get_args
from zipfile import BadZipFile

import numpy as np

from backhand.agreement.feeding import FedProgram, Values
from backhand.agreement.formulas import torch_formulas
from backhand.agreement.ledger import Ledger, agreement_of
from backhand.agreement.result import Agreement
from backhand.errors import BackhandError, did_you_mean
from backhand.experiment import LIBRARY_NAMES, Experiment, Precision
from backhand.rules.updates import UPDATES
from backhand.run.reference import state_name
from backhand.run.trace import Trace, load
from backhand.writers.files import save_programs

STEPS = "step"
"""What PyTorch's optimizers count in, in float32: no array of the network's."""

Passes = Mapping[int, Values]
"""By epoch, 0 for the evaluation at the initial weights: values by name."""


def compare_arrays(experiment: Experiment, traces: Mapping[str, Passes]) -> Agreement:
    """Hold what others computed for a network against its NumPy program, step by step.

    Args:
        experiment: the network, its data and its initial weights.
        traces: by what to call it, what somebody computed; each is judged by itself, in float32 if
            its arrays are, so that of two the one that parts from the program is named.

    Raises:
        BackhandError: if a trace holds no value of the network, or none that can be compared.
    """
    if not traces:
        raise BackhandError("there is nothing to compare", wanted="at least one trace")
    known = _known(experiment)
    ledgers: list[Ledger] = []
    with TemporaryDirectory() as place:
        programs = save_programs(experiment, Path(place))
        for name, passes in traces.items():
            _check(name, passes, known)
            precision = precision_of(passes, known)
            fed = FedProgram(
                programs["numpy"], experiment, precision, Path(place),
                torch_formulas(experiment.network), likely=True, draws_are_data=True,
            )  # fmt: skip
            ledger = Ledger(precision, label=name)
            for epoch in _followed(passes):
                values = {n: np.asarray(a, precision) for n, a in passes[epoch].items()}
                seen = fed.epoch(epoch, values) if epoch else fed.evaluation(values)
                ledger.enter(seen, values)
                ledger.compared = epoch
            if not ledger.judgements:
                raise BackhandError(
                    "nothing of this can be compared",
                    where=name,
                    wanted="values that the program computes: at the initial weights (epoch 0), or "
                    "in an epoch whose weights before it are there too",
                    got=f"epochs {', '.join(map(str, sorted(passes)))}",
                )
            ledgers.append(ledger)
        sides = (LIBRARY_NAMES["numpy"], " and ".join(traces))
        found = agreement_of(experiment, programs, ledgers, sides, Path(place))
    every = {name for p in traces.values() for values in p.values() for name in values}
    ignored = sorted(every - known - _of_optimizer(experiment, STEPS))
    return replace(found, ignored=tuple(ignored))


def read_trace(file: Path) -> Passes:
    """The passes of an `.npz`: one of ours (`trace.npz`), or arrays under the values' names.

    Raises:
        BackhandError: if it cannot be read, or holds anything but plain arrays.
    """
    try:
        with np.load(file, allow_pickle=False) as archive:
            arrays = {key: archive[key] for key in archive.files}
    except (OSError, ValueError, EOFError, TypeError, BadZipFile, zlib.error) as error:
        # NumPy takes any text for a pickle, and has no good word for one array alone
        said = str(error).partition("\n")[0]
        is_other = isinstance(error, TypeError) or "pickled" in said
        raise BackhandError(
            "this is not a file of arrays",
            where=str(file),
            wanted="an .npz as np.savez writes it, arrays of numbers under the values' names",
            got="a file of another kind" if is_other else said,
        ) from None
    if any("/evaluation/" in key for key in arrays):
        traces = load(file)
        theirs = next((t for t in traces if t.library == "torch"), traces[0])
        return passes_of(theirs)
    return {0: plain(arrays)}


def called(file: Path, files: Sequence[Path]) -> str:
    """The file's name, with its folder where another has the same."""
    alone = [other.name for other in files].count(file.name) == 1
    return file.name if alone else str(file)


def passes_of(trace: Trace) -> Passes:
    """A trace of ours, epoch by epoch."""
    later = {
        epoch: {name: values[i] for name, values in trace.training.items()}
        for i, epoch in enumerate(trace.epochs)
    }
    return {0: trace.evaluation, **later}


def plain(arrays: Mapping[str, Any]) -> Values:
    """Arrays of any library as NumPy's: lists, numbers, and tensors with their derivatives cut."""
    found = {}
    for name, array in arrays.items():
        held = array.detach().cpu() if hasattr(array, "detach") else array
        try:
            found[name] = np.asarray(held)
        except (TypeError, ValueError) as error:  # a tensor of bfloat16; rows of several lengths
            raise BackhandError(f"`{name}` is no array of numbers", got=str(error)) from None
        if found[name].dtype.kind not in "iub" and found[name].dtype.name not in get_args(
            Precision
        ):
            raise BackhandError(
                f"`{name}` is no array of numbers in float32 or float64",
                got=f"dtype {found[name].dtype}",
            )
    return found


def precision_of(passes: Passes, known: Container[str]) -> Precision:
    """float32 if any of the known arrays is, else float64."""
    every = [item for values in passes.values() for item in values.items()]
    kinds = {array.dtype.name for name, array in every if name in known}
    return "float32" if "float32" in kinds else "float64"


def _known(experiment: Experiment) -> set[str]:
    network = experiment.network
    every = [v for kind in network.kinds for v in kind.values()]
    values = {v.name for v in every if not v.is_nameless and v.role != "generator"}
    targets = {v.name for v in network.targets}
    steps = network.backward.body if network.backward else ()
    undone = values - {v.name for step in steps for v in step.made()}
    derivatives = {f"d{name}" for name in undone} | {"dloss"}
    return values | targets | derivatives | {"loss"} | _of_optimizer(experiment)


def _of_optimizer(experiment: Experiment, *more: str) -> set[str]:
    """What PyTorch calls the arrays that its optimizer keeps for each weight."""
    if experiment.training is None:
        return set()
    states = UPDATES[experiment.training.optimizer].torch_states.values()
    weights = [value.name for value in experiment.network.forward.parameters]
    return {state_name(state, name) for state in (*states, *more) for name in weights}


def _check(name: str, passes: Passes, known: Iterable[str]) -> None:
    held = {value for values in passes.values() for value in values}
    if held & set(known):
        return
    first = next(iter(sorted(held)), "")
    raise BackhandError(
        "none of these arrays has the name of a value of the network",
        where=name,
        wanted=f"some of {', '.join(sorted(known))}",
        got=", ".join(sorted(held)) or "no arrays",
        repair=did_you_mean(first, known),
    )


def _followed(passes: Passes) -> list[int]:
    """The epochs that can be compared: those whose weights before are known, in order."""
    return [epoch for epoch in sorted(passes) if epoch == 0 or epoch - 1 in passes]
