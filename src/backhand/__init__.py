"""backhand: backpropagation by hand, written out, checked and explained."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from backhand.agreement.comparing import compare as compare

__version__ = "0.1.0"
__all__ = ["__version__", "compare"]


def __getattr__(name: str) -> Any:
    """`backhand.compare`, imported when it is first asked for."""
    if name == "compare":
        from backhand.agreement.comparing import compare

        return compare
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
