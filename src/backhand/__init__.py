"""backhand: backpropagation by hand, written out, checked and explained."""

import sys
from typing import TYPE_CHECKING, Any, overload

if TYPE_CHECKING:
    from pathlib import Path

    import torch

    from backhand.agreement.modules import ModuleAgreement
    from backhand.agreement.result import Agreement
    from backhand.experiment import Experiment
    from backhand.modules import Program

__version__ = "0.1.0"
__all__ = ["__version__", "compare", "write"]


@overload
def compare(of: "Experiment | Path | str", **options: Any) -> "Agreement": ...
@overload
def compare(of: "torch.nn.Module", *arguments: Any, **options: Any) -> "ModuleAgreement": ...
def compare(of: Any, *arguments: Any, **options: Any) -> "Agreement | ModuleAgreement":
    """Do NumPy and PyTorch agree on a network, step by step, within computed rounding bounds?

    Args:
        of: a spec's file, what was read from one, or a `torch.nn.Module`.
        arguments: of a module its arguments by position and by name.
        options: of a spec those of `agreement.comparing.compare`, of a module those of
            `agreement.modules.compare_module`.

    Raises:
        BackhandError: for what cannot be compared.
    """
    if _is_module(of):
        from backhand.agreement.modules import compare_module

        return compare_module(of, *arguments, **options)
    from backhand.agreement import comparing

    return comparing.compare(of, *arguments, **options)


def write(module: "torch.nn.Module", *arguments: Any, **options: Any) -> "Program":
    """A `torch.nn.Module` as a NumPy program, forward and backward.

    Args:
        module: any module; it is not changed.
        arguments: its arguments by position (a tuple), and by name (a dict).
        options: those of `backhand.modules.write`: loss, targets, optimizer and more.

    Raises:
        BackhandError: naming all that no rule stands for, with the module's lines.
    """
    from backhand.modules import write as write_module

    return write_module(module, *arguments, **options)


def _is_module(of: Any) -> bool:
    """Whether it is PyTorch's; there is none where PyTorch has not been imported."""
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(of, torch.nn.Module)
