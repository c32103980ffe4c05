"""Arrays that stay of their kind: what a NumPy program computes from them is of that kind again."""

from typing import Any

import numpy as np


class Lasting(np.ndarray):
    """An array whose float results have its own type, single numbers too.

    NumPy's subclasses lose their type in functions such as `np.where`. What still gets through is
    `np.asarray`, so this is for observing and disturbing a program, not for bounds.
    """

    def __array_function__(self, function: Any, types: Any, args: Any, kwargs: Any) -> Any:
        return self.lasting(super().__array_function__(function, types, args, kwargs))

    def lasting(self, result: Any) -> Any:
        """A result, or several, as arrays of this type if they are floats."""
        if type(result) in (tuple, list):
            return type(result)(map(self.lasting, result))
        if not isinstance(result, (np.ndarray, np.floating)) or result.dtype.kind != "f":
            return result
        return np.asarray(result).view(type(self))


def plain(x: Any) -> Any:
    """What NumPy would have in its place."""
    return x.view(np.ndarray) if isinstance(x, Lasting) else x
