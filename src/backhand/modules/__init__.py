"""A `torch.nn.Module` as a NumPy program: written, run, trained, and given its weights back."""

from backhand.modules.program import Program
from backhand.modules.writing import write

__all__ = ["Program", "write"]
