"""Hooks on derivatives, which PyTorch's exporter does not see: a module that has one is refused,
for what is written of it would be differentiated without.

PyTorch is handed over: `exported.py` alone imports it.
"""

import linecache
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from backhand.capture.identifiers import one_line
from backhand.errors import BackhandError
from backhand.graph import Place

REPAIR = "take the hook off, and change the derivatives where they come out of the program"


def check_kept_hooks(module: Any, name: str) -> None:
    """Look for hooks on the parameters of a module and on its parts.

    Raises:
        BackhandError: naming the first.
    """
    for key, parameter in module.named_parameters():
        if parameter._backward_hooks:
            raise _refused(f"{name}: the parameter `{one_line(key)}`", "")
    for path, part in module.named_modules():
        if part._backward_hooks or part._backward_pre_hooks:
            raise _refused(f"{name}: the module `{one_line(path) or one_line(name)}`", "")


@contextmanager
def without_hooks(name: str, torch: Any) -> Iterator[None]:
    """While it is open, `x.register_hook(...)` in a user's code is refused."""
    before = torch.Tensor.register_hook

    def register_hook(tensor: Any, hook: Callable[..., Any]) -> Any:
        frame = sys._getframe(1)
        if frame.f_globals.get("__name__", "").partition(".")[0] == "torch":
            return before(tensor, hook)
        file, line = frame.f_code.co_filename, frame.f_lineno
        text = one_line(linecache.getline(file, line).strip())
        raise _refused(f"{name}: {Place(one_line(file), line, text)}", text)

    torch.Tensor.register_hook = register_hook
    try:
        yield
    finally:
        torch.Tensor.register_hook = before


def _refused(where: str, got: str) -> BackhandError:
    return BackhandError(
        "a hook may change a derivative, and PyTorch's exporter does not see it",
        where=where,
        wanted="derivatives that are those of the forward",
        got=got,
        repair=REPAIR,
    )
