"""`torch.nn.Module` to Network: the second door in, through `torch.export`.

    captured = capture(model, (x,))
    captured.network        its forward as flat steps of our rules, in the order in which they ran
    captured.arrays         its parameters, buffers and constants

The graph is taken before decomposition, where operators are still those that people think in. The
size of the batch gets a name, the length of a sequence too where the model and the rules allow
it, and steps that only PyTorch needs go. What has no rule is refused, all of it in one error.
"""

import traceback
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from backhand.capture import refused
from backhand.capture.aten import numbered, with_rules
from backhand.capture.identifiers import one_line
from backhand.capture.reading import ARRAY, NUMBERS, Reading
from backhand.capture.signature import Signature, Stored, signature, with_named_outputs
from backhand.capture.trees import Tree
from backhand.errors import BackhandError
from backhand.graph import Network, Place, Step
from backhand.passes.clutter import without_clutter
from backhand.passes.constants import fold
from backhand.passes.dead import without_dead
from backhand.passes.functionalise import functionalise

if TYPE_CHECKING:
    import torch

SIZES = {"B": "batch", "T": "sequence"}
"""The sizes that get a name: the first of an input, and the second of one that is a sequence."""


@dataclass(frozen=True)
class Captured:
    """A module as a network, with its numbers."""

    network: Network
    """A forward function alone, flat: each step knows its calls of modules and its line."""
    arrays: Mapping[str, np.ndarray]
    """Parameters, buffers and constants by the names of their values."""
    keys: Mapping[str, tuple[str, ...]]
    """The keys in the `state_dict` of each parameter and buffer, by the value's name; several where
    weights are tied, the one under the path of the first module that uses it first."""
    frozen: frozenset[str]
    """Parameters that are not trained."""
    unused: tuple[str, ...]
    """Keys of parameters that no step reads."""
    inputs: Tree
    """The arguments by position and by name, as `(args, kwargs)`, with the inputs' numbers."""
    outputs: Tree
    """What the module returns, with the outputs' numbers."""


def capture(
    module: "torch.nn.Module",
    args: Sequence[Any] = (),
    kwargs: Mapping[str, Any] | None = None,
    *,
    training: bool = False,
) -> Captured:
    """A module as a network, from one call of it.

    Sizes are found by trying: batch and sequence with names, then the batch alone, then neither;
    `network.sizes` says which it came to be. The module is left as it was.

    Args:
        module: any module. Its lines and modules are remembered with each step.
        args: arguments by position, as for a call.
        kwargs: arguments by name.
        training: capture it in training mode, with its dropout. A module that is in that mode
            already may hold parts that are not.

    Raises:
        BackhandError: naming all that it does that no rule stands for, with the module's lines.
    """
    name = one_line(type(module).__name__)
    lengths = _lengths(_arrays(_fresh(args, kwargs)))
    attempts = [named for named in ("BT", "B", "") if set(named) <= set(lengths)]
    with _mode(module, training):
        for named in attempts:
            free = {letter: lengths[letter] for letter in named}
            try:
                return _captured(module, name, _fresh(args, kwargs), free)
            except BackhandError as error:
                last = error
    raise last


@contextmanager
def _mode(module: "torch.nn.Module", training: bool) -> Iterator[None]:
    """The module in training or in evaluation mode, afterwards each of its parts as before."""
    before = [(part, part.training) for part in module.modules()]
    if module.training != training:
        module.train(training)
    try:
        yield
    finally:
        for part, mode in before:
            part.training = mode


def _fresh(args: Sequence[Any], kwargs: Mapping[str, Any] | None) -> Any:
    """The arguments with copies of their arrays, for PyTorch marks those with sizes that are free.

    A batch of one becomes two: PyTorch takes a size of 1 for one that stays 1.
    """
    import torch
    from torch.utils import _pytree as pytree

    arguments = tuple(args), dict(kwargs or {})
    single = _rows(_arrays(arguments)) == 1

    def copied(x: Any) -> Any:
        if not isinstance(x, torch.Tensor):
            return x
        twice = single and x.ndim > 0 and len(x) == 1
        return torch.cat([x, x]) if twice else x.detach().clone()

    return pytree.tree_map(copied, arguments)


def _arrays(arguments: Any) -> list["torch.Tensor"]:
    import torch
    from torch.utils import _pytree as pytree

    return [x for x in pytree.tree_leaves(arguments) if isinstance(x, torch.Tensor)]


def _rows(arrays: Sequence["torch.Tensor"]) -> int:
    """The length of the batch: the first size of the first input that has one."""
    return next((len(x) for x in arrays if x.ndim), 0)


def _lengths(arrays: Sequence["torch.Tensor"]) -> dict[str, list[tuple[int, int]]]:
    """The dimensions that may get each name: numbers of an input and of its dimension.

    A sequence is the second dimension of whole numbers [B, T] or of [B, T, features].
    """
    rows = _rows(arrays)
    batch = [(i, 0) for i, x in enumerate(arrays) if x.ndim and len(x) == rows]
    steps = [
        (i, 1)
        for i, _ in batch
        if arrays[i].ndim == (3 if arrays[i].is_floating_point() else 2) and arrays[i].shape[1] > 1
    ]
    steps = [(i, 1) for i, _ in steps if arrays[i].shape[1] == arrays[steps[0][0]].shape[1]]
    return {letter: dims for letter, dims in (("B", batch), ("T", steps)) if dims}


def _captured(
    module: "torch.nn.Module",
    name: str,
    arguments: Any,
    free: Mapping[str, Sequence[tuple[int, int]]],
) -> Captured:
    """One attempt, with these sizes free."""
    program = _exported(module, name, arguments, free)
    reading = Reading(_symbols(program, free), _torch_folder())
    found = signature(module, name, program, reading)
    named = {size for value in found.network.forward.inputs for size in value.shape}
    sizes = tuple((letter, SIZES[letter]) for letter in free if letter in named)
    network, numbers = _tidied(replace(found.network, sizes=sizes), found, reading)
    _check_formats(name, network, reading)
    network, missing = with_rules(network, reading.schemas, reading.shapes)
    if missing:
        raise refused.no_rules(name, missing, reading.schemas)
    network = numbered(with_named_outputs(network, found.outputs, found.names))
    used = [value.name for value in network.forward.parameters]
    stored = found.stored
    return Captured(
        network,
        {value: numbers[value] for value in used},
        {value: stored.keys[value] for value in used if value in stored.keys},
        stored.frozen & set(used),
        (*stored.unused, *_keys_of_unused(stored, used)),
        found.inputs,
        found.outputs,
    )


def _keys_of_unused(stored: Stored, used: Sequence[str]) -> Iterator[str]:
    """Keys of parameters that were read by steps which are gone."""
    for value in stored.values:
        if value.role == "parameter" and value.name not in used:
            yield from stored.keys[value.name]


def _exported(
    module: "torch.nn.Module",
    name: str,
    arguments: Any,
    free: Mapping[str, Sequence[tuple[int, int]]],
) -> Any:
    """PyTorch's exported program, or one clear error with the module's line."""
    import torch
    from torch.export import Dim, ShapesCollection

    shapes: Any = ShapesCollection()  # type: ignore[no-untyped-call]
    for i, x in enumerate(_arrays(arguments)):
        dims = {d: Dim.AUTO for all_dims in free.values() for j, d in all_dims if j == i}
        if dims:
            shapes[x] = dims
    args, kwargs = arguments
    try:
        return torch.export.export(
            module, args, kwargs, dynamic_shapes=shapes if free else None, strict=False
        )
    except Exception as error:
        frame = refused.user_frame(error, _own_frames(error))
        raise refused.not_captured(name, error, frame) from None


def _own_frames(error: BaseException) -> list[Place]:
    """The lines of a traceback that are neither PyTorch's nor ours."""
    ours = str(Path(__file__).parents[1])
    return [
        Place(one_line(frame.filename), frame.lineno or 0, one_line(frame.line or ""))
        for frame in traceback.extract_tb(error.__traceback__)
        if not frame.filename.startswith((_torch_folder(), ours))
    ]


def _torch_folder() -> str:
    import torch

    return str(Path(torch.__file__).parent)


def _symbols(program: Any, free: Mapping[str, Sequence[tuple[int, int]]]) -> dict[str, str]:
    """PyTorch's symbols for the sizes that stayed free, and our letters."""
    given = [n for n in program.graph.nodes if n.name in program.graph_signature.user_inputs]
    tensors = [n.meta["val"] for n in given if hasattr(n.meta.get("val"), "dtype")]
    return {
        str(size.node.expr): letter
        for letter, dims in free.items()
        for i, dim in dims
        if not isinstance(size := tensors[i].shape[dim], int)
    }


def _tidied(
    network: Network, found: Signature, reading: Reading
) -> tuple[Network, dict[str, np.ndarray]]:
    """The passes, in their order: each needs what the one before it leaves."""
    network = without_dead(functionalise(network, reading.views), reading.random)

    def name() -> str:
        return found.names.give("constant", "constant")

    network, numbers = fold(network, found.stored.arrays, _computer(reading), name)
    network = without_clutter(network, numbers, reading.formats, found.stored.trained)
    return without_dead(network, reading.random), numbers


def _computer(reading: Reading) -> Any:
    """What computes a constant step: PyTorch itself, on the numbers that are known."""
    import torch

    def compute(
        step: Step, known: Mapping[str, np.ndarray]
    ) -> tuple[np.ndarray | None, ...] | None:
        call = reading.calls.get(step.made()[0].name)
        if call is None or step.function in reading.random:
            return None
        arrays = [torch.from_numpy(known[value.name].copy()) for value in step.inputs]
        written = dict(step.attributes)
        given: dict[str, Any] = {}
        for name, argument in call.arguments.items():
            if _has_size(written[name], argument):
                return None
            given[name] = _with_arrays(written[name], argument, arrays)
        made = call.target(**given)
        results = made if isinstance(made, list | tuple) else (made,)
        if any(str(r.dtype).removeprefix("torch.") not in NUMBERS for r in results):
            return None
        return tuple(result.detach().numpy() for result in results)

    return compute


def _has_size(written: object, argument: Any) -> bool:
    """Whether an argument is, or holds, a size that the graph computes."""
    parts = argument if isinstance(argument, list | tuple) else [argument]
    is_array = isinstance(written, str) and written.startswith(ARRAY)
    return not is_array and any(hasattr(part, "meta") for part in parts)


def _with_arrays(written: object, argument: Any, arrays: Sequence[Any]) -> Any:
    """An argument of the graph with numbers in the place of its nodes."""
    if not (isinstance(written, str) and written.startswith(ARRAY)):
        return argument
    parts = [
        None if part == f"{ARRAY}-" else arrays[int(part.removeprefix(ARRAY))]
        for part in written.split()
    ]
    return parts if isinstance(argument, list | tuple) else parts[0]


def _check_formats(name: str, network: Network, reading: Reading) -> None:
    forward = network.forward
    made = [value for step in forward.body for value in step.made()]
    unfit = {
        value.name: reading.formats[value.name]
        for value in (*forward.inputs, *forward.parameters, *made)
        if reading.formats.get(value.name, "float64") not in NUMBERS
    }
    if unfit:
        raise refused.unfit_numbers(name, unfit)
