"""Notes where in the source each operator is called, while PyTorch traces a module.

PyTorch's classes are handed over: `exported.py` alone imports it.
"""

import inspect
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from types import CodeType, FrameType
from typing import Any

from backhand.capture.names import Frame, Noted, Position, unpacked

TAG = "backhand"
"""The name of our tag among those that PyTorch keeps with a node."""


def watching(noted: Noted, mode: type, annotate: Callable[..., Any], folder: str) -> Any:
    """A context in which each call of an operator is noted, and its nodes tagged with its number.

    Args:
        noted: where to.
        mode: PyTorch's `TorchFunctionMode`.
        annotate: PyTorch's context that tags the nodes made in it.
        folder: where PyTorch lies.
    """
    watch = _Watch(noted, folder)

    class Watching(mode):  # type: ignore[misc]
        def __torch_function__(
            self, function: Any, types: Any, args: Any = (), kwargs: Any = None
        ) -> Any:
            frames = watch.frames(sys._getframe(1))
            if not frames:
                return function(*args, **(kwargs or {}))
            number = len(noted.calls) + 1
            noted.calls[number] = frames
            with annotate({TAG: number}):
                made = function(*args, **(kwargs or {}))
            watch.remember(made, number)
            return made

    return Watching()


@dataclass
class _Watch:
    noted: Noted
    folder: str
    seen: dict[FrameType, int] = field(default_factory=dict)
    """The frames so far; they are kept, so that no new one is taken for an old one."""
    made: dict[int, tuple[Any, int, int | None]] = field(default_factory=dict)
    """By the identity of an array: it, and the number of the call and of the result."""
    positions: dict[CodeType, list[Any]] = field(default_factory=dict)

    def frames(self, frame: FrameType | None) -> tuple[Frame, ...]:
        """The frames in which modules' own code stands, the innermost first."""
        found: list[Frame] = []
        part: list[FrameType] = []
        while frame is not None:
            code = frame.f_code
            if code.co_name == "_call_impl" and code.co_filename.endswith("module.py"):
                found += self._forward(part, frame.f_locals["self"])
                part = []
            elif not self._is_inner(code.co_filename):
                part.append(frame)
            frame = frame.f_back
        return tuple(found)

    def _is_inner(self, file: str) -> bool:
        """Whether it is PyTorch's machinery, which is not part of a module."""
        layers = f"{self.folder}/nn/modules/"
        is_layer = file.startswith(layers) and not file.endswith("/module.py")
        return file.startswith(self.folder) and not is_layer

    def _forward(self, part: list[FrameType], module: Any) -> Iterator[Frame]:
        """The frames within a module's `forward`, and it; what is wrapped around it goes."""
        own = [at for at, f in enumerate(part) if f.f_code.co_name == "forward"]
        for at, frame in enumerate(part[: own[-1] + 1 if own else len(part)]):
            is_last = at == (own[-1] if own else len(part) - 1)
            owner = type(module).__name__ if is_last else None
            number = self.seen.get(frame)
            is_new = number is None
            if number is None:
                number = self.seen[frame] = len(self.seen)
            code = frame.f_code
            noted = Frame(code.co_filename, code.co_name, self._position(frame), number, owner)
            if owner is not None and is_new:
                self._given(frame, noted)
            yield noted

    def _position(self, frame: FrameType) -> Position:
        code = frame.f_code
        if code not in self.positions:
            self.positions[code] = list(code.co_positions())
        first, last, start, end = self.positions[code][frame.f_lasti // 2]
        return first or 0, last or 0, start or 0, end or 0

    def _given(self, frame: FrameType, noted: Frame) -> None:
        """Note what the arguments of a module's `forward` are called there."""
        for name, argument in _arguments(frame):
            if isinstance(argument, tuple | list):
                for number, part in enumerate(argument):
                    if id(part) in self.made:
                        self._note(part, unpacked(noted, name, number), noted)
            elif id(argument) in self.made:
                self._note(argument, name, noted)

    def _note(self, array: Any, name: str, noted: Frame) -> None:
        _, call, number = self.made[id(array)]
        names = self.noted.given.setdefault((call, number), {})
        names.setdefault(noted.owner or "", name)

    def remember(self, made: Any, number: int) -> None:
        """Note which call has made what."""
        if isinstance(made, tuple | list):
            for part, one in enumerate(made):
                self.made[id(one)] = one, number, part
        else:
            self.made[id(made)] = made, number, None


def _arguments(frame: FrameType) -> Iterator[tuple[str, Any]]:
    """The arguments of a function by name, but for the first, and those of its `**kwargs`."""
    code, known = frame.f_code, frame.f_locals
    count = code.co_argcount + code.co_kwonlyargcount
    count += bool(code.co_flags & inspect.CO_VARARGS)
    for name in code.co_varnames[1:count]:
        yield name, known.get(name)
    if code.co_flags & inspect.CO_VARKEYWORDS:
        yield from dict(known.get(code.co_varnames[count], {})).items()
