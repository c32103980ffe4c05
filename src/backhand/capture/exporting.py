"""How PyTorch's exporter is called: quietly, and without what it decides from numbers for speed."""

import contextlib
import io
import logging
import sys
from collections.abc import Iterator
from typing import Any


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Nothing is printed or logged within: what goes wrong is told once, by an error of ours."""
    before = logging.root.manager.disable
    logging.disable(logging.ERROR)
    try:
        with contextlib.redirect_stderr(io.StringIO()):
            yield
    finally:
        logging.disable(before)


@contextlib.contextmanager
def same_for_every_mask() -> Iterator[None]:
    """`nn.Transformer` looks into a mask to see whether it is causal, for a faster way to the same
    numbers. Nobody looks within, so that what it computes does not depend on the mask's numbers."""
    transformer: Any = sys.modules["torch.nn.modules.transformer"]
    look = getattr(transformer, "_detect_is_causal_mask", None)
    if look is None:
        yield
        return
    transformer._detect_is_causal_mask = _as_it_is_said
    try:
        yield
    finally:
        transformer._detect_is_causal_mask = look


def _as_it_is_said(mask: object, is_causal: bool | None = None, size: int | None = None) -> bool:
    """Causal where the caller says so."""
    return is_causal is True
