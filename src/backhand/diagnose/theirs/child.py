"""The process in which their code runs: `python -m backhand.diagnose.theirs.child FILE FOLDER`.

It runs the file with probes in it, calls what can be called, and leaves arrays and JSON in FOLDER.
"""

import ast
import contextlib
import copy
import inspect
import io
import os
import sys
import traceback
import types
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from backhand.diagnose.theirs.arguments import size_of, widths_of
from backhand.diagnose.theirs.calling import called_scenes
from backhand.diagnose.theirs.draws import Observed, watch_numpy, watch_torch
from backhand.diagnose.theirs.leaves import leaves
from backhand.diagnose.theirs.names import role
from backhand.diagnose.theirs.program import Program
from backhand.diagnose.theirs.request import Request, load, save_answer
from backhand.diagnose.theirs.script import scenes_of
from backhand.diagnose.theirs.watching import PROBE, RUN_AS, Log, as_array, instrumented

MOST_PRINTED = 100_000
MOST_CLASSES = 4
NETWORK = ("forward", "predict", "feedforward", "loss")
"""What a class has that is a network, or a layer."""


def main(file: Path, folder: Path) -> None:
    """Run a file and call what it defines."""
    request = load(folder)
    observed = Observed()
    watch_numpy(observed)
    text = (folder / "theirs.py").read_text(encoding="utf-8")
    log = Log(lambda: len(observed.draws))
    os.chdir(file.parent)
    sys.path.insert(0, str(file.parent))
    printed = io.StringIO()
    failed = ""
    with contextlib.redirect_stdout(printed), np.errstate(all="ignore"):
        _, failed = run_file(text, file, log)
        watch_torch(observed)
        script = scenes_of(log.named(), list(observed.draws), request)
        log.listening = False
        observed.log = log
        called, why = call(text, file, log, request, observed) if not failed else ([], [])
    said = {"failed": failed, "why": why[:8], "printed": printed.getvalue()[:MOST_PRINTED]}
    save_answer([*called, *script], said, folder)


def run_file(text: str, file: Path, log: Log, name: str = RUN_AS[0]) -> tuple[Any, str]:
    """Run the whole file as a program; what stopped it, if something did."""
    module = types.ModuleType(name)
    module.__file__ = str(file)
    sys.modules[name] = module
    setattr(module, PROBE, log.seen)
    try:
        exec(instrumented(text, str(file)), vars(module))
    except SystemExit:
        return module, ""
    except BaseException as error:
        frames = [f for f in traceback.extract_tb(error.__traceback__) if f.filename == str(file)]
        place = f"line {frames[-1].lineno}: " if frames else ""
        return module, f"{place}{type(error).__name__}: {error}"
    return module, ""


def call(
    text: str, file: Path, log: Log, request: Request, observed: Observed
) -> tuple[list[dict[str, Any]], list[str]]:
    """Call a class of theirs if there is one that looks like a network, else their functions."""
    tree = ast.parse(text)
    module, failed = run_file(text, file, log, RUN_AS[1])
    if failed:
        module = sys.modules["__main__"]
    request = replace(request, classes=_has_classes(module, request))
    found: list[dict[str, Any]] = []
    why: list[str] = []
    for made in _instances(module, request, log):
        found, said = called_scenes(partial(_of_instance, made, tree, request), request, observed)
        why += said
        if found:
            return found, why
    for kind in _classes(module):
        found, said = called_scenes(partial(_of_class, kind, tree, request), request, observed)
        why += said
        if found:
            return found, why
    if any(isinstance(v, types.FunctionType) for v in vars(module).values()):
        found, said = called_scenes(lambda: _of_module(module, tree, request), request, observed)
        why += said
    return found, why


def _has_classes(module: Any, request: Request) -> bool:
    """Whether their program has whole numbers for targets where the spec has rows of 0 and 1."""
    targets = request.data[len(request.inputs) :]
    if len(targets) != 1 or targets[0].ndim != 2 or targets[0].shape[1] < 2:
        return False
    arrays = [a for v in vars(module).values() if (a := as_array(v)) is not None]
    if any(_is_one_hot(a, t.shape) for a in arrays for t in (targets[0], targets[0].T)):
        return False
    return any(
        array.dtype.kind in "iu" and array.shape == (request.rows,) and role(name) == "y"
        for name, value in vars(module).items()
        if (array := as_array(value)) is not None
    )


def _is_one_hot(array: np.ndarray, shape: tuple[int, ...]) -> bool:
    """Whether an array may be the targets: of their shape, of 0 and 1."""
    return array.shape == shape and set(np.unique(array)) <= {0, 1}


def _instances(module: Any, request: Request, log: Log) -> list[Any]:
    """Their own objects that look like a network and hold arrays that fit all of its weights, as
    they began: what an optimiser keeps in them has not moved yet."""
    kinds = _classes(module)
    names = len(request.layout.names)
    return [
        log.beginning(made)
        for made in list(vars(module).values())
        if type(made) in kinds and sum(a.ndim > 0 for _, a, _ in leaves(made)) >= names
    ]


def _of_instance(made: Any, tree: ast.AST, request: Request) -> Program:
    """A copy of an object that their program made, and its methods."""
    made = copy.deepcopy(made)
    return Program(tree, _methods(made), made, dict(request.given))


def _methods(made: Any) -> dict[str, Any]:
    """What can be called of an object; `__call__` too, where their class defines it."""
    kind = type(made)
    own = [n for n, _ in inspect.getmembers(kind, callable) if not n.startswith("__")]
    own += ["__call__"] if "__call__" in vars(kind) else []
    return {n: getattr(made, n) for n in own}


def _classes(module: Any) -> list[type]:
    """Their classes that look like a network, the likeliest first."""
    own = [
        v for v in vars(module).values() if isinstance(v, type) and v.__module__ == module.__name__
    ]
    likely = [k for k in own if any(hasattr(k, n) for n in NETWORK)]
    likely.sort(key=lambda k: not any(hasattr(k, n) for n in ("train", "fit", "layers")))
    return likely[:MOST_CLASSES]


def _of_class(kind: type, tree: ast.AST, request: Request) -> Program:
    """An object of their class, its sizes as the spec has them, and its methods."""
    widths = widths_of(request.layout)
    own = dict(zip(request.layout.names, request.weights, strict=True))
    arguments: dict[str, Any] = {}
    places: list[Any] = []
    for name, parameter in list(inspect.signature(kind).parameters.items()):
        if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
            continue
        value, known = _constructed(name, parameter, own, request, role(name))
        if not known:
            value, known = size_of(name, parameter, widths)
        if not known and parameter.default is parameter.empty:
            value = widths[min(len(places), len(widths) - 1)] if widths else 0
            known = True
        if known and parameter.default is parameter.empty:
            places.append(value)
        elif known and value is not None:
            arguments[name] = value
    made = kind(*places, **arguments)
    return Program(tree, _methods(made), made, dict(request.given))


def _constructed(
    name: str, parameter: inspect.Parameter, own: dict[str, Any], request: Request, kind: str
) -> tuple[Any, bool]:
    lowered = {n.lower(): a for n, a in own.items()}
    if name.lower() in lowered:
        return np.array(lowered[name.lower()]), True
    if kind == "lr":
        return request.options.get("learning_rate", 0.01), True
    if kind == "rate" and request.rates:
        return request.rates[0], True
    if kind == "keep" and request.rates:
        return 1 - request.rates[0], True
    if kind == "params" and parameter.default is parameter.empty:
        return [np.array(a) for a in own.values()], True
    return None, False


def _of_module(module: Any, tree: ast.AST, request: Request) -> Program:
    functions = {
        n: v for n, v in vars(module).items()
        if isinstance(v, types.FunctionType) and v.__module__ in (module.__name__, "__main__")
    }  # fmt: skip
    kept = {
        n: v for n, v in vars(module).items()
        if not n.startswith("__") and not isinstance(v, types.ModuleType | type)
        and not callable(v)
    }  # fmt: skip
    return Program(tree, functions, _Globals(module, kept), dict(request.given))


class _Globals(dict):  # type: ignore[type-arg]
    """A module's variables, which are set in the module."""

    def __init__(self, module: Any, kept: dict[str, Any]) -> None:
        super().__init__(kept)
        self.module = module

    def __setitem__(self, key: str, value: Any) -> None:
        super().__setitem__(key, value)
        setattr(self.module, key, value)

    def __getitem__(self, key: str) -> Any:
        return getattr(self.module, key, super().get(key))

    def items(self) -> Any:
        return [(k, self[k]) for k in self]


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
