"""What a child process is asked: the network's arrays, their names, and the scenes to run."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from backhand.diagnose.scene import Stage
from backhand.diagnose.theirs.names import Layout


@dataclass(frozen=True)
class Request:
    """All that a child needs to know of the experiment.

    `outputs` has shapes, with the batch first; `expected` the correct outputs at the spec's
    numbers. `given` maps their names to ours, as the user said. `rates` are dropout's, in order.
    """

    inputs: tuple[str, ...]
    targets: tuple[str, ...]
    layout: Layout
    outputs: Mapping[str, tuple[int, ...]]
    expected: Mapping[str, np.ndarray]
    stages: tuple[Stage, ...]
    epochs: int
    rates: tuple[float, ...]
    options: Mapping[str, Any]
    given: Mapping[str, str]
    classes: bool = False
    """Whether they have each example's class as a number where we have a row of 0 and 1."""

    @property
    def data(self) -> tuple[np.ndarray, ...]:
        return self.stages[0].data

    @property
    def weights(self) -> tuple[np.ndarray, ...]:
        return self.stages[0].weights

    @property
    def rows(self) -> int:
        return len(self.data[0])

    def target(self, ours: np.ndarray) -> np.ndarray:
        """A target of ours as they have it."""
        return np.argmax(ours, axis=1) if self.classes and ours.ndim == 2 else ours

    @property
    def draws(self) -> bool:
        return bool(self.rates)


def save(request: Request, folder: Path) -> None:
    """Write a request into a folder."""
    arrays = {f"expected/{n}": a for n, a in request.expected.items()}
    for i, stage in enumerate(request.stages):
        arrays |= {f"data/{i}/{k}": a for k, a in enumerate(stage.data)}
        arrays |= {f"weights/{i}/{k}": a for k, a in enumerate(stage.weights)}
    np.savez(folder / "request.npz", **arrays)  # type: ignore[arg-type]
    plain = {
        "inputs": request.inputs, "targets": request.targets, "layout": asdict(request.layout),
        "outputs": {n: list(s) for n, s in request.outputs.items()},
        "stages": [stage.name for stage in request.stages], "epochs": request.epochs,
        "rates": request.rates, "options": dict(request.options), "given": dict(request.given),
    }  # fmt: skip
    (folder / "request.json").write_text(json.dumps(plain), encoding="utf-8")


def load(folder: Path) -> Request:
    """Read a request that `save` wrote."""
    told = json.loads((folder / "request.json").read_text(encoding="utf-8"))
    with np.load(folder / "request.npz") as file:
        arrays = {name: file[name] for name in file.files}

    def numbered(prefix: str) -> tuple[np.ndarray, ...]:
        found = {int(n.rpartition("/")[2]): a for n, a in arrays.items() if n.startswith(prefix)}
        return tuple(found[i] for i in sorted(found))

    stages = tuple(
        Stage(name, numbered(f"data/{i}/"), numbered(f"weights/{i}/"))
        for i, name in enumerate(told["stages"])
    )
    layout = Layout(
        tuple(told["layout"]["names"]), tuple(tuple(s) for s in told["layout"]["shapes"])
    )
    return Request(
        tuple(told["inputs"]), tuple(told["targets"]), layout,
        {n: tuple(s) for n, s in told["outputs"].items()},
        {n.partition("/")[2]: a for n, a in arrays.items() if n.startswith("expected/")},
        stages, told["epochs"], tuple(told["rates"]), told["options"], told["given"],
    )  # fmt: skip


def save_answer(scenes: list[dict[str, Any]], said: dict[str, Any], folder: Path) -> None:
    """Write what a child found: plain arrays and JSON, nothing that runs when it is read."""
    arrays: dict[str, np.ndarray] = {}
    plain = []
    for i, scene in enumerate(scenes):
        for part in ("weights", "data"):
            for k, array in enumerate(scene[part] or ()):
                arrays[f"{i}/{part}/{k}"] = array
        for k, draw in enumerate(scene["draws"] or ()):
            arrays[f"{i}/draws/{k}"] = draw["values"]
        arrays |= {f"{i}/seen/{name}": array for name, array in scene["seen"].items()}
        arrays |= {f"{i}/earlier/{name}": a for name, a in scene.get("earlier", {}).items()}
        between = scene.get("between", [])
        arrays |= {f"{i}/between/{k}": array for k, (_, array) in enumerate(between)}
        plain.append({
            **{key: scene[key] for key in ("name", "mode", "epochs", "notes")},
            "weights": len(scene["weights"] or ()), "data": len(scene["data"] or ()),
            "draws": [[d["kind"], d["probability"]] for d in scene["draws"] or ()],
            "seen": list(scene["seen"]), "summed": scene.get("summed", []),
            "between": [name for name, _ in between],
        })  # fmt: skip
    np.savez(folder / "answer.npz", **arrays)  # type: ignore[arg-type]
    (folder / "answer.json").write_text(json.dumps({"scenes": plain, **said}), encoding="utf-8")
