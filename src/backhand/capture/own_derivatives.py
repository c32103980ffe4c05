"""Functions with a derivative of their own, `torch.autograd.Function`: PyTorch's exporter sees the
forward alone.

So their own derivative is held against that of the forward on the arguments of the captured call.
Where both are the same the forward says it all; a function of which that is not so, such as one
that rounds and passes the derivative straight through, is refused.

PyTorch is handed over: `exported.py` alone imports it.
"""

import linecache
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

from backhand.capture.copying import copied
from backhand.capture.identifiers import one_line
from backhand.errors import BackhandError
from backhand.graph import Place

SAME = 1e-4
"""How far the derivatives may lie apart, relative to the largest: rounding in float32 leads some
1e-6 apart, and a derivative that is meant to be another one far more."""
STEP = 1e-6
"""Of a difference quotient in float64, whose own error is then some 1e-10."""

Watch = Callable[[Any, Callable[..., Any], Sequence[Any], Place], Any]
"""Called with a function's class, its own `apply`, the arguments, and where it is called."""


@contextmanager
def watched(torch: Any, watch: Watch) -> Iterator[None]:
    """Every call of such a function of the user's goes through `watch`; PyTorch's own do not."""
    function = torch.autograd.Function
    before = function.__dict__["apply"]

    def apply(cls: Any, *args: Any, **kwargs: Any) -> Any:
        plain = before.__get__(None, cls)
        if cls.__module__.partition(".")[0] == "torch" or kwargs:
            return plain(*args, **kwargs)
        frame = sys._getframe(1)
        file, line = frame.f_code.co_filename, frame.f_lineno
        text = linecache.getline(file, line).strip()
        return watch(cls, plain, args, Place(one_line(file), line, one_line(text)))

    function.apply = classmethod(apply)
    try:
        yield
    finally:
        function.apply = before


def check_own_derivatives(module: Any, name: str, arguments: Any, torch: Any) -> None:
    """Call a copy of a module and compare the derivatives of each such function.

    Raises:
        BackhandError: naming the first whose derivative is not that of its forward.
    """
    running: list[Any] = []

    def compare(cls: Any, plain: Callable[..., Any], args: Sequence[Any], place: Place) -> Any:
        if running:  # within another one, whose derivative counts
            return plain(*args)
        running.append(cls)
        try:
            is_same = _is_same(cls, plain, args, torch)
        finally:
            running.clear()
        if not is_same:
            raise _refused(name, cls.__name__, place)
        return plain(*args)

    args, kwargs = arguments
    module = copied(module, torch.Tensor)  # it may keep more than buffers from call to call
    state = torch.get_rng_state()
    try:
        with torch.enable_grad(), watched(torch, compare):
            module(*args, **kwargs)
    finally:
        torch.set_rng_state(state)


def _refused(name: str, function: str, place: Place) -> BackhandError:
    return BackhandError(
        f"`{function}` has a derivative of its own, which PyTorch's exporter does not see",
        where=f"{name}: {place}",
        wanted="functions whose derivative is that of their forward",
        got=place.text,
        repair="say it in operators: `x + (torch.round(x) - x).detach()` rounds, and passes the "
        "derivative straight through",
    )


def _is_same(cls: Any, plain: Callable[..., Any], args: Sequence[Any], torch: Any) -> bool:
    """Whether a function's own derivatives are those of its forward, for these arguments."""
    state = torch.get_rng_state()
    own = _derivatives(plain, args, torch)
    torch.set_rng_state(state)
    try:
        traced = _derivatives(lambda *given: _forward(cls, given, torch), args, torch)
    except RuntimeError:  # its forward writes into what its derivative would need
        return _is_quotient(cls, own, args, torch)
    finally:
        torch.set_rng_state(state)
    if len(own) != len(traced):
        return False
    return all(_is_close(a, b) for a, b in zip(own, traced, strict=True))


def _is_quotient(cls: Any, own: Sequence[Any], args: Sequence[Any], torch: Any) -> bool:
    """Whether a function's own derivatives are the difference quotient of its forward, in float64
    along a direction drawn once."""
    draw = torch.Generator().manual_seed(1)
    ways = [torch.randn(d.shape, generator=draw, dtype=torch.float64) for d in own]

    def at(step: float) -> Any:
        left = iter(ways)
        there = [
            x.detach().double() + step * next(left) if _is_float(x, torch) else x for x in args
        ]
        with torch.no_grad():
            made = _forward(cls, there, torch)
        return [y for y in (made if isinstance(made, tuple | list) else (made,))
                if _is_float(y, torch)]  # fmt: skip

    along = torch.Generator().manual_seed(0)
    quotient = 0.0
    for ahead, behind in zip(at(STEP), at(-STEP), strict=True):
        by = torch.randn(ahead.shape, generator=along, dtype=own[0].dtype).double()
        quotient += float((by * (ahead - behind)).sum()) / (2 * STEP)
    parts = [float((d.double() * way).sum()) for d, way in zip(own, ways, strict=True)]
    return abs(sum(parts) - quotient) <= SAME * max(1.0, *map(abs, parts))


def _is_float(x: Any, torch: Any) -> bool:
    return isinstance(x, torch.Tensor) and x.is_floating_point()


def _forward(cls: Any, args: Sequence[Any], torch: Any) -> Any:
    """What a function's forward computes, in operators that PyTorch can differentiate."""
    if cls.setup_context is not torch.autograd.Function.setup_context:
        return cls.forward(*args)
    marks = ("save_for_backward", "mark_dirty", "mark_non_differentiable", "set_materialize_grads")
    context = SimpleNamespace(**dict.fromkeys(marks, lambda *_: None))
    context.needs_input_grad = (True,) * len(args)
    return cls.forward(context, *args)


def _derivatives(function: Callable[..., Any], args: Sequence[Any], torch: Any) -> list[Any]:
    """The derivatives by each float argument of a function's results along numbers drawn once."""
    given = [x.detach().clone().requires_grad_() if _is_float(x, torch) else x for x in args]
    made = function(*given)
    results = [y for y in (made if isinstance(made, tuple | list) else (made,))
               if isinstance(y, torch.Tensor) and y.requires_grad]  # fmt: skip
    by = [x for x in given if isinstance(x, torch.Tensor) and x.requires_grad]
    if not by or not results:
        return [torch.zeros_like(x) for x in by]
    draw = torch.Generator().manual_seed(0)
    along = [torch.randn(y.shape, generator=draw, dtype=y.dtype) for y in results]
    found = torch.autograd.grad(results, by, along, allow_unused=True)
    return [torch.zeros_like(x) if d is None else d for x, d in zip(by, found, strict=True)]


def _is_close(own: Any, traced: Any) -> bool:
    scale = float(own.abs().max()) if own.numel() else 0.0
    return own.numel() == 0 or float((own - traced).abs().max()) <= SAME * scale
