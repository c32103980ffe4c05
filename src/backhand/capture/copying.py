"""A copy of a module that may hold what it has computed."""

import copy
from typing import Any


def copied(module: Any, is_tensor: type) -> Any:
    """A deep copy. PyTorch copies no array that is computed from others, such as those that the
    older `weight_norm` or a recurrent state leaves in a module: of these the numbers are copied.

    Args:
        module: any module.
        is_tensor: PyTorch's class, which this does not import.
    """
    found = [x for part in module.modules() for x in _within(vars(part).values(), is_tensor)]
    computed = {id(x): x.detach().clone() for x in found if not x.is_leaf}
    return copy.deepcopy(module, computed)


def _within(given: Any, is_tensor: type) -> list[Any]:
    """The arrays among some things, and in the lists and dicts among them."""
    found: list[Any] = []
    for one in given:
        if isinstance(one, is_tensor):
            found.append(one)
        elif isinstance(one, dict):
            found += _within(one.values(), is_tensor)
        elif isinstance(one, list | tuple):
            found += _within(one, is_tensor)
    return found
