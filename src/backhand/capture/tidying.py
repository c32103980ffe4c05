"""What was read of a module, tidied: no step in place, no constant step, no clutter, nothing dead.

PyTorch computes the constants; it is handed over, for `exported.py` alone imports it.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from backhand.capture import pairs
from backhand.capture.reading import ARRAY, NUMBERS, Call, Reading
from backhand.capture.signature import NAMELESS, Signature
from backhand.graph import Network, Step
from backhand.passes import templates
from backhand.passes.clutter import without_clutter
from backhand.passes.constants import fold
from backhand.passes.dead import without_dead
from backhand.passes.functionalise import MADE, functionalise


def tidied(
    network: Network, found: Signature, reading: Reading, torch: Any
) -> tuple[Network, dict[str, np.ndarray], dict[str, str], tuple[str, ...]]:
    """The passes, in their order: each needs what the one before it leaves.

    It is given PyTorch, which it does not import. Beside the network and the numbers: what stands
    now for values that are gone, by name, and the buffers whose new values are the network's last
    outputs.
    """
    for function in sorted({*MADE, *templates.MADE, *pairs.MADE}):
        _, operator, overload = function.split(".")
        reading.remember(function, getattr(getattr(torch.ops.aten, operator), overload))
    network = pairs.with_pairs(network, reading)
    network, updated = functionalise(network, reading.shared, reading.like)
    network = without_dead(network, reading.random, updated)

    def name(made_from: Collection[str]) -> str:
        """After the one buffer that a constant is made from."""
        words = [found.stored.words.get(array, NAMELESS) for array in made_from]
        return found.names.give(words[0] if len(words) == 1 else NAMELESS, NAMELESS)

    compute = _computer(reading, torch)
    arrays = found.stored.arrays
    changing = {name for name, keys in found.stored.keys.items() if reading.changing & {*keys}}
    changing |= {*updated}
    stays = {v.name for v in network.forward.parameters
             if v.role in ("buffer", "constant") and v.name not in changing}  # fmt: skip
    tables = {name: array for name, array in arrays.items() if name in stays}
    network, said = templates.with_templates(
        network, tables, compute, reading.new, _lengths_to_try(reading)
    )
    network = without_dead(network, reading.random, updated)
    network, numbers, folded = fold(network, arrays, compute, name, changing)
    moving = {*found.stored.trained, *(v.name for v in network.forward.inputs)}
    network, left_out = without_clutter(network, numbers, reading.formats, moving)
    instead = {name: value.name for name, value in (said | folded | left_out).items()}
    return without_dead(network, reading.random, updated), numbers, instead, tuple(updated)


def _lengths_to_try(reading: Reading) -> list[dict[str, int]]:
    """Lengths for the sizes that are free: those of the captured call, and others."""
    first = {
        letter: reading.lengths[symbol]
        for symbol, letter in reading.sizes.items()
        if isinstance(letter, str)
    }
    more = [{"B": 1, "T": 3}, {"B": 3, "T": -1}] if first else []
    return [first, *({letter: n + by[letter] for letter, n in first.items()} for by in more)]


def _computer(reading: Reading, torch: Any) -> Any:
    """What computes a constant step: PyTorch itself, on the numbers that are known."""

    def compute(
        step: Step, known: Mapping[str, np.ndarray], lengths: Mapping[str, int] = {}
    ) -> tuple[np.ndarray | None, ...] | None:
        call = reading.calls.get(step.made()[0].name) or _direct(step, torch)
        if call is None or step.function in reading.random or not hasattr(call.target, "_schema"):
            return None
        arrays = [torch.from_numpy(known[value.name].copy()) for value in step.inputs]
        written = dict(step.attributes)
        given: dict[str, Any] = {}
        for name, argument in call.arguments.items():
            argument = reading.known(argument, lengths)
            if _has_size(written[name], argument):
                return None
            given[name] = _with_arrays(written[name], argument, arrays, torch)
        with _default_format(reading.precision, torch):
            try:
                made = call.target(**given)
            except (RuntimeError, IndexError):
                if not lengths:
                    raise
                return None  # these are not lengths that the module can be given
        results = made if isinstance(made, list | tuple) else (made,)
        if any(str(r.dtype).removeprefix("torch.") not in NUMBERS for r in results):
            return None
        return tuple(result.detach().numpy() for result in results)

    return compute


def _direct(step: Step, torch: Any) -> Call | None:
    """The call of a step that a pass has made, unless sizes with names are in it."""
    given = dict(step.attributes)
    plain = [value for value in given.values() if not str(value).startswith(ARRAY)]
    if any(isinstance(value, str) for value in plain):
        return None
    _, name, overload = step.function.split(".")
    return Call(getattr(getattr(torch.ops.aten, name), overload), given)


def _has_size(written: object, argument: Any) -> bool:
    """Whether an argument is, or holds, a size that the graph computes."""
    parts = argument if isinstance(argument, list | tuple) else [argument]
    is_array = isinstance(written, str) and written.startswith(ARRAY)
    return not is_array and any(hasattr(part, "meta") for part in parts)


def _with_arrays(written: object, argument: Any, arrays: Sequence[Any], torch: Any) -> Any:
    """An argument of the graph with numbers in the place of its nodes."""
    if str(argument) in ("torch.float32", "torch.float64"):
        return getattr(torch, str(written))
    if not (isinstance(written, str) and written.startswith(ARRAY)):
        return argument
    parts = [
        None if part == f"{ARRAY}-" else arrays[int(part.removeprefix(ARRAY))]
        for part in written.split()
    ]
    return parts if isinstance(argument, list | tuple) or len(parts) > 1 else parts[0]


@contextmanager
def _default_format(word: str, torch: Any) -> Iterator[None]:
    """PyTorch with this format for what is said to have none."""
    before = torch.get_default_dtype()
    torch.set_default_dtype(getattr(torch, word))
    try:
        yield
    finally:
        torch.set_default_dtype(before)
