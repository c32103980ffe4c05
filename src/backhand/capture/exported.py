"""`torch.nn.Module` to Network: the second door in, through `torch.export`.

    captured = capture(model, (x,))
    captured.network        its forward as flat steps of our rules, in the order in which they ran
    captured.arrays         its parameters, buffers and constants

The graph is taken before decomposition, where operators are still those that people think in. The
size of the batch gets a name, the length of a sequence too where the model and the rules allow
it, and steps that only PyTorch needs go. What has no rule is refused, all of it in one error.
"""

import traceback
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from backhand.capture import refused
from backhand.capture.exporting import quiet, same_for_every_mask
from backhand.capture.hooks import check_kept_hooks, without_hooks
from backhand.capture.identifiers import one_line
from backhand.capture.names import Noted, Scoped, all_wishes
from backhand.capture.own_derivatives import check_own_derivatives, watched
from backhand.capture.reading import Reading
from backhand.capture.signature import Stored
from backhand.capture.steps import constants_named, steps_of
from backhand.capture.trees import Tree
from backhand.capture.watching import TAG, watching
from backhand.errors import BackhandError
from backhand.graph import Network, Place
from backhand.passes.rewriting import renamed

if TYPE_CHECKING:
    import torch


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
    updated: Mapping[str, str] = field(default_factory=dict)
    """For the name of each buffer that the forward changes, the name of its new value; these are
    outputs behind the module's own."""
    wishes: Mapping[str, Scoped] = field(default_factory=dict)
    """What the source calls values, by the value's name and then by the class of the module that
    calls it so, which is empty for the network's own."""
    notes: tuple[str, ...] = ()
    """What the network does otherwise than the module, a sentence each."""


def capture(
    module: "torch.nn.Module",
    args: Sequence[Any] = (),
    kwargs: Mapping[str, Any] | None = None,
    *,
    training: bool = False,
    named_sizes: bool = True,
    changing: Collection[str] = (),
) -> Captured:
    """A module as a network, from one call of it.

    PyTorch traces it once, with the sizes of batch and sequence free. Where no rule can follow a
    free sequence, or a free batch, its length in this call is built in; `network.sizes` says which
    have names. The module is left as it was.

    Args:
        module: any module. Its lines and modules are remembered with each step.
        args: arguments by position, as for a call.
        kwargs: arguments by name.
        training: capture it in training mode, with its dropout. A module that is in that mode
            already may hold parts that are not.
        named_sizes: whether batch and sequence may be free; if not, every size is built in.
        changing: keys of buffers that are no constants, for the module changes them elsewhere.

    Raises:
        BackhandError: naming all that it does that no rule stands for, with the module's lines.
    """
    import torch

    name = one_line(type(module).__name__)
    check_kept_hooks(module, name)
    with _mode(module, training), without_hooks(name, torch):
        program, symbols, noted = _traced(module, name, args, kwargs, named_sizes)
        if noted.own_derivatives:
            check_own_derivatives(module, name, _copied(args, kwargs), torch)
        for named in ("BT", "B"):
            if set(named) <= set(symbols.values()):
                with suppress(BackhandError):
                    return _captured(module, name, program, symbols, named, noted, changing)
        if "B" in symbols.values() and _rows(_arrays((args, kwargs))) == 1:
            program, symbols = _exported(module, name, _copied(args, kwargs), {}, noted), {}
        return _captured(module, name, program, symbols, "", noted, changing)


def _traced(
    module: "torch.nn.Module",
    name: str,
    args: Sequence[Any],
    kwargs: Mapping[str, Any] | None,
    named_sizes: bool,
) -> tuple[Any, dict[str, str], Noted]:
    """PyTorch's program with as many sizes free as it can, and its symbols for them.

    A batch of one becomes two: PyTorch takes a size of 1 for one that stays 1.
    """
    lengths = _lengths(_arrays((args, kwargs))) if named_sizes else {}
    twice = _rows(_arrays((args, kwargs))) == 1
    for named in ("BT", "B"):
        if set(named) <= set(lengths):
            free = {letter: lengths[letter] for letter in named}
            noted = Noted()
            with suppress(BackhandError):
                program = _exported(module, name, _copied(args, kwargs, twice=twice), free, noted)
                return program, _symbols(program, free), noted
    noted = Noted()
    return _exported(module, name, _copied(args, kwargs), {}, noted), {}, noted


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


def _copied(args: Sequence[Any], kwargs: Mapping[str, Any] | None, *, twice: bool = False) -> Any:
    """The arguments with copies of their arrays, for PyTorch marks those with sizes that are free;
    those of one row with that row twice, if asked for."""
    import torch
    from torch.utils import _pytree as pytree

    def copied(x: Any) -> Any:
        if not isinstance(x, torch.Tensor):
            return x
        return torch.cat([x, x]) if twice and x.ndim > 0 and len(x) == 1 else x.detach().clone()

    return pytree.tree_map(copied, (tuple(args), dict(kwargs or {})))


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
    program: Any,
    symbols: Mapping[str, str],
    free: str,
    noted: Noted,
    changing: Collection[str],
) -> Captured:
    """The network with these letters free; the lengths of other sizes are built in."""
    import torch

    lengths = _hints(program)
    known = {s: letter if letter in free else lengths[s] for s, letter in symbols.items()}
    precision = _precision(program)
    reading = Reading(known, _torch_folder(), precision, TAG, lengths, frozenset(changing))
    steps = steps_of(module, name, program, reading, torch, free)
    wishes = all_wishes(reading.sources, noted, steps.now, steps.gone)
    new = constants_named(steps, wishes, module.state_dict())
    used = [value.name for value in steps.network.forward.parameters]
    found = steps.signature
    stored = found.stored
    return Captured(
        renamed(steps.network, new),
        {new.get(value, value): steps.numbers[value] for value in used},
        {value: stored.keys[value] for value in used if value in stored.keys},
        stored.frozen & set(used),
        (*stored.unused, *_keys_of_unused(stored, used)),
        found.inputs,
        found.outputs,
        steps.updated,
        wishes,
        _notes(reading),
    )


def _notes(reading: Reading) -> tuple[str, ...]:
    others = " and ".join(sorted(reading.others))
    if not others:
        return ()
    return (f"What PyTorch computes in {others} within it is computed in {reading.precision}.",)


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
    noted: Noted,
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

    def note(cls: Any, plain: Any, given: Sequence[Any], _: Place) -> Any:
        noted.own_derivatives.add(cls.__name__)
        return plain(*given)

    try:
        with _watched(noted), watched(torch, note), quiet(), same_for_every_mask():
            return torch.export.export(
                module, args, kwargs, dynamic_shapes=shapes if free else None, strict=False
            )
    except BackhandError:
        raise
    except Exception as error:
        frame = refused.user_frame(error, _own_frames(error))
        raise refused.not_captured(name, error, frame) from None


@contextmanager
def _watched(noted: Noted) -> Iterator[None]:
    """Each call of an operator is noted; not where PyTorch has no way to tag what comes of it."""
    try:
        from torch.fx.traceback import annotate, preserve_node_meta
        from torch.overrides import TorchFunctionMode
    except ImportError:
        yield
        return
    with preserve_node_meta(), watching(noted, TorchFunctionMode, annotate, _torch_folder()):
        yield


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
    given = [node.meta["val"] for node in _given(program)]
    tensors = [x for x in given if hasattr(x, "dtype")]
    return {
        str(size.node.expr): letter
        for letter, dims in free.items()
        for i, dim in dims
        if not isinstance(size := tensors[i].shape[dim], int)
    }


def _hints(program: Any) -> dict[str, int]:
    """How long each size was that has a symbol."""
    given = [node.meta["val"] for node in _given(program)]
    sizes = [size for x in given if hasattr(x, "dtype") for size in x.shape]
    return {str(s.node.expr): int(s.node.hint) for s in sizes if not isinstance(s, int)}


def _precision(program: Any) -> str:
    """The format of the parameters, or of the inputs where no parameter is a float: the widest."""
    kinds = {s.arg.name: s.kind.name for s in program.graph_signature.input_specs}
    holes = [n for n in program.graph.nodes if n.op == "placeholder" and "val" in n.meta]
    for kind in ("PARAMETER", "USER_INPUT"):
        found = [n.meta["val"] for n in holes if kinds[n.name] == kind]
        floats = [x.dtype for x in found if hasattr(x, "dtype") and x.is_floating_point()]
        if floats:
            double = any(str(one) == "torch.float64" for one in floats)
            return "float64" if double else "float32"
    import torch

    return str(torch.get_default_dtype()).removeprefix("torch.")


def _given(program: Any) -> list[Any]:
    """The nodes of the caller's own arguments."""
    names = program.graph_signature.user_inputs
    return [node for node in program.graph.nodes if node.name in names]
