"""Searches have more time here too: which questions are answered must not depend on the machine."""

from tests.diagnose.conftest import patient

__all__ = ["patient"]
