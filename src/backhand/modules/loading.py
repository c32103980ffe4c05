"""`model.py:make_model`: a module and example inputs from the user's own Python, which is run."""

import importlib.util
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from backhand.errors import BackhandError, did_you_mean

if TYPE_CHECKING:
    import torch

EXTRAS = ("loss", "targets", "optimizer", "scheduler", "clip_norm", "clip_value")
REPAIR = (
    "def make_model():\n"
    "      return model, (x,)                                  # or, for training:\n"
    "      return model, (x,), {'loss': F.mse_loss, 'targets': y, 'optimizer': optimizer}"
)


@dataclass(frozen=True)
class Loaded:
    """What `make_model()` gave."""

    module: "torch.nn.Module"
    args: tuple[Any, ...]
    kwargs: Mapping[str, Any]
    extras: Mapping[str, Any]
    """Of loss, targets, optimizer, scheduler, clip_norm and clip_value those that were given."""


def is_target(text: str) -> bool:
    """Whether this names a function in a Python file."""
    file, colon, function = text.rpartition(":")
    return bool(colon) and file.endswith(".py") and function.isidentifier()


def load(target: str) -> Loaded:
    """Run a file's function for a module and example inputs.

    Args:
        target: `model.py:make_model`. The function returns the module and its inputs (an array, a
            tuple of them, or a dict of them by name), and may return a dict of extras.

    Raises:
        BackhandError: if there is no such file or function, or it returns something else.
    """
    import torch

    file, _, name = target.rpartition(":")
    made = _function(Path(file), name, target)()
    parts = made if isinstance(made, tuple) else (made,)
    is_right = 2 <= len(parts) <= 3 and isinstance(parts[0], torch.nn.Module)
    if not is_right or (len(parts) == 3 and not isinstance(parts[2], dict)):
        raise BackhandError(
            f"`{name}` returned something else",
            where=target,
            wanted="a torch.nn.Module and its example inputs",
            got=", ".join(type(part).__name__ for part in parts),
            repair=REPAIR,
        )
    extras = dict(parts[2]) if len(parts) == 3 else {}
    for key in extras:
        if key not in EXTRAS:
            raise BackhandError(
                f"`{name}` returned an extra that is not known",
                where=target,
                wanted=", ".join(EXTRAS),
                got=str(key),
                repair=did_you_mean(str(key), EXTRAS),
            )
    args, kwargs = _arguments(parts[1])
    return Loaded(parts[0], args, kwargs, extras)


def _arguments(inputs: Any) -> tuple[tuple[Any, ...], Mapping[str, Any]]:
    if isinstance(inputs, Mapping):
        return (), inputs
    is_several = isinstance(inputs, Sequence) and not hasattr(inputs, "shape")
    return (tuple(inputs) if is_several else (inputs,)), {}


def _function(file: Path, name: str, target: str) -> Callable[[], Any]:
    if not file.is_file():
        raise BackhandError("there is no such file", where=str(file), repair="check the path")
    spec = importlib.util.spec_from_file_location(file.stem, file)
    assert spec is not None
    assert spec.loader is not None
    namespace = importlib.util.module_from_spec(spec)
    sys.modules[file.stem] = namespace  # classes that are defined there ask for their module
    sys.path.insert(0, str(file.parent))
    try:
        spec.loader.exec_module(namespace)
    finally:
        sys.path.remove(str(file.parent))
    found = getattr(namespace, name, None)
    if not callable(found):
        names = [key for key, value in vars(namespace).items() if callable(value)]
        raise BackhandError(
            f"there is no function `{name}`",
            where=target,
            got=", ".join(key for key in names if not key.startswith("_")),
            repair=did_you_mean(name, names, REPAIR),
        )
    return found  # type: ignore[no-any-return]
