"""The three ways in which bounded numbers say no."""

from backhand.errors import BackhandError


class Untracked(BackhandError):  # noqa: N818  (a verdict's name)
    """A function without a rule, or a way out of the bounded numbers: a bound would be lost."""


class CannotTell(BackhandError):  # noqa: N818  (a verdict's name)
    """A decision (a branch, an index, a truth value) that rounding alone could turn around."""


class NotCertified(BackhandError):  # noqa: N818  (a verdict's name)
    """An elementary function of this machine is less accurate than the bounds take it to be."""


def unknown(name: str) -> Untracked:
    """The refusal of a NumPy function, method or argument that has no rule."""
    return Untracked(
        f"`{name}` has no rounding bound",
        wanted="a function that backhand.rounding knows",
        repair="write the step with functions it knows, or add a rule for this one",
    )


def way_out(name: str) -> Untracked:
    """The refusal to turn a bounded number into one that has lost its bound."""
    return Untracked(
        f"`{name}` would drop a rounding bound",
        wanted="bounded numbers to stay bounded",
        repair="read `.value` and `.error`, or run the program with `exits=` to record `float()`",
    )
