"""The backward pass, derived: of a flat network whose loss is known (`network.py`), and of each
kind of module by itself (`kinds.py`), from which a nested network's backward pass is put together.
"""

from backhand.derive.network import derive, idle_parameters

__all__ = ["derive", "idle_parameters"]
