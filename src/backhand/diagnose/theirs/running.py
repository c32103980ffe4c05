"""Running a file of theirs in a process of its own, with a time limit, and reading what it left."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from backhand.diagnose import experiments
from backhand.diagnose.machine import Machine
from backhand.diagnose.scene import Draw, Scene, Seen, Stage
from backhand.diagnose.theirs.names import Layout
from backhand.diagnose.theirs.request import Request, save
from backhand.diagnose.theirs.trusted import trusted
from backhand.errors import BackhandError


@dataclass(frozen=True)
class Answer:
    """What a run of theirs gave: scenes, what stopped it, what could not be called, its print."""

    scenes: tuple[Scene, ...]
    failed: str
    why: tuple[str, ...]
    printed: str


def request_of(machine: Machine, given: Mapping[str, str], stages: tuple[Stage, ...]) -> Request:
    """What a child has to know, with the stages in which it is to call their code."""
    experiment = machine.experiment
    network = experiment.network
    data, weights = experiments.given(machine)
    outputs = {v.name: (0, *v.shape[1:]) for v in network.forward.outputs}
    scene = Scene("", "evaluation", data, weights, {})
    expected = {n: np.asarray(machine.run(machine.correct, scene)[n]) for n in outputs}
    rates = tuple(
        float(r) for s in network.forward.body if s.function == "dropout_mask"
        if isinstance(r := dict(s.attributes).get("rate"), int | float)
    )  # fmt: skip
    training = experiment.training
    return Request(
        tuple(v.name for v in network.forward.inputs if v.role == "input"),
        tuple(v.name for v in network.targets),
        Layout(machine.correct.parameters, tuple(w.shape for w in weights)),
        {n: tuple(int(k) for k in s) for n, s in outputs.items()},
        expected, stages, training.epochs if training else 0, rates,
        dict(training.options) if training else {}, dict(given),
    )  # fmt: skip


def run_theirs(
    machine: Machine,
    file: Path,
    text: str,
    given: Mapping[str, str],
    time_limit: float,
    more: tuple[Stage, ...] = (),
) -> Answer:
    """Run their code and bring what it computed under our names.

    It is called in the usual stages, and in as many more as are asked for.

    Raises:
        BackhandError: if it takes longer than the limit, or the process dies.
    """
    request = request_of(machine, given, (*experiments.stages(machine), *more))
    with TemporaryDirectory() as scratch:
        folder = Path(scratch)
        save(request, folder)
        (folder / "theirs.py").write_text(text, encoding="utf-8")
        _child(file, folder, time_limit)
        answer = _read(folder, request)
        return replace(answer, scenes=trusted(machine, answer.scenes))


def _child(file: Path, folder: Path, time_limit: float) -> None:
    command = [
        sys.executable,
        "-m",
        "backhand.diagnose.theirs.child",
        str(file.resolve()),
        str(folder),
    ]
    environment = {**os.environ, "MPLBACKEND": "Agg", "OMP_NUM_THREADS": "1"}
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=time_limit, env=environment,
            stdin=subprocess.DEVNULL, check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        raise BackhandError(
            f"this program runs longer than {time_limit:g} seconds",
            where=str(file),
            repair="a smaller number of epochs, or a longer --time-limit",
        ) from None
    if not (folder / "answer.json").exists():
        last = done.stderr.strip().splitlines()
        raise BackhandError(
            "this program ends the process it runs in",
            where=str(file),
            got=last[-1] if last else f"exit code {done.returncode}",
        )


def _read(folder: Path, request: Request) -> Answer:
    told = json.loads((folder / "answer.json").read_text(encoding="utf-8"))
    with np.load(folder / "answer.npz", allow_pickle=False) as file:
        arrays = {name: file[name] for name in file.files}
    scenes = []
    for i, scene in enumerate(told["scenes"]):

        def listed(part: str, count: int, i: int = i) -> tuple[np.ndarray, ...]:
            return tuple(arrays[f"{i}/{part}/{k}"] for k in range(count))

        draws = tuple(
            Draw(kind, arrays[f"{i}/draws/{k}"], probability)
            for k, (kind, probability) in enumerate(scene["draws"])
        )
        scenes.append(
            Scene(
                scene["name"], scene["mode"],
                listed("data", scene["data"]) or request.data,
                listed("weights", scene["weights"]) or request.weights,
                {n: _seen(arrays, i, n, n in scene["summed"]) for n in scene["seen"]},
                scene["epochs"], draws,
                tuple(
                    (name, arrays[f"{i}/between/{k}"]) for k, name in enumerate(scene["between"])
                ),
                tuple(scene["notes"]),
                is_called=bool(scene["data"]),
            )
        )  # fmt: skip
    return Answer(tuple(scenes), told["failed"], tuple(told["why"]), told["printed"])


def _seen(arrays: Mapping[str, np.ndarray], scene: int, name: str, is_summed: bool) -> Seen:
    array = arrays[f"{scene}/seen/{name}"]
    own = array if array.dtype.kind == "f" else array.astype(float)
    return Seen(own, 0.0, is_summed, arrays.get(f"{scene}/earlier/{name}"))
