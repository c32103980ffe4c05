"""PyTorch's side of a module, operator by operator: what each makes, and what its derivative is.

The module is exported with its sizes built in, and the graph run node by node. Each operator also
runs by itself, on copies of what it was given, so that its own derivative can be asked for. All
that reaches PyTorch is here.
"""

import copy
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from backhand.capture import refused
from backhand.capture.aten import numbered, with_rules
from backhand.capture.identifiers import one_line
from backhand.capture.reading import INLINED, Reading, operator_name
from backhand.capture.signature import signature, with_named_outputs
from backhand.capture.tidying import tidied
from backhand.errors import BackhandError
from backhand.experiment import Precision
from backhand.graph import Network
from backhand.passes.results import with_asked_results
from backhand.passes.rewriting import renamed

if TYPE_CHECKING:
    import torch

OUTER = "module"
"""What the module is called within the one that joins it with its loss."""


@dataclass(frozen=True)
class Call:
    """One call of a module, and what its results are for."""

    module: "torch.nn.Module"
    args: tuple[Any, ...]
    kwargs: Mapping[str, Any]
    loss: Any
    targets: tuple[Any, ...]


@dataclass(frozen=True)
class Operator:
    """One operator that PyTorch ran."""

    function: str
    """`aten.linear.default`."""
    made: tuple[str, ...]
    """Names of its results in the network; those that the network has no value for are left out."""
    read: tuple[str, ...]
    """Names of the arrays that it is given."""
    cotangents: Mapping[str, np.ndarray]
    """The loss's derivative by each result, as autograd has it."""
    derivatives: Mapping[str, np.ndarray]
    """What the operator's own derivative makes of those, by the names of the arrays it is given."""


@dataclass(frozen=True)
class Watched:
    """A module as flat steps of our rules, and all that PyTorch made on the way."""

    network: Network
    values: Mapping[str, np.ndarray]
    """PyTorch's numbers by the names of the network's values; those it does not show are absent."""
    operators: tuple[Operator, ...]
    formats: Mapping[str, str]
    """PyTorch's own word for the type of each of those."""


def called(
    module: "torch.nn.Module",
    args: Sequence[Any],
    kwargs: Mapping[str, Any] | None,
    loss: Any,
    targets: Any,
    *,
    training: bool | None,
    precision: Precision | None,
) -> Call:
    """A call on copies of all that it is made of, its floats in a format; None leaves them."""
    import torch
    from torch.utils import _pytree as pytree

    own = copy.deepcopy(module)
    if training is not None:
        own.train(training)
    dtype = None if precision is None else getattr(torch, precision)

    def one(leaf: Any) -> Any:
        if isinstance(leaf, np.ndarray):
            leaf = torch.from_numpy(leaf)
        if not isinstance(leaf, torch.Tensor):
            return leaf
        leaf = leaf.detach().clone()
        return leaf.to(dtype) if dtype is not None and leaf.is_floating_point() else leaf

    wanted = targets if isinstance(targets, tuple | list) else (targets,)
    if isinstance(loss, torch.nn.Module):
        loss = copy.deepcopy(loss).to(dtype)
    return Call(
        own.to(dtype),
        pytree.tree_map(one, tuple(args)),
        pytree.tree_map(one, dict(kwargs or {})),
        loss,
        tuple(pytree.tree_map(one, target) for target in wanted),
    )


def own_precision(module: "torch.nn.Module", args: Any, kwargs: Any) -> Precision:
    """The widest format of the parameters, or of the arguments where no parameter is a float."""
    import torch
    from torch.utils import _pytree as pytree

    leaves = [x for x in pytree.tree_leaves((args, kwargs)) if hasattr(x, "dtype")]
    for group in (list(module.parameters()), leaves):
        kinds = {str(x.dtype).removeprefix("torch.") for x in group}
        for word in ("float64", "float32"):
            if word in kinds:
                return word
    return "float64" if torch.get_default_dtype() == torch.float64 else "float32"


def watched(call: Call, precision: Precision, seed: int) -> Watched:
    """Run a module operator by operator.

    Args:
        call: which the run does not change.
        precision: of its floats.
        seed: of PyTorch's generator, which is put back afterwards.

    Raises:
        BackhandError: as `capture` does.
    """
    import torch

    whole = _joined(call)
    arguments = (call.args, dict(call.kwargs), call.targets)
    with all_floats_in(precision):
        program = _exported(whole, type(call.module).__name__, arguments)
    reading = Reading({}, str(Path(torch.__file__).parent), precision)
    flat = _flat(whole, type(call.module).__name__, program, reading)
    with generator_at(seed):
        run = _run(program, whole, arguments, seed)
    return _told(flat, reading, run)


@contextmanager
def all_floats_in(precision: Precision) -> Iterator[None]:
    """PyTorch, in float64, with what a module asks for in narrower formats (`x.float()`) in float64
    too: both sides are lifted whole. Nothing changes in float32."""
    import torch
    from torch.overrides import TorchFunctionMode
    from torch.utils import _pytree as pytree

    if precision != "float64":
        yield
        return
    narrow = (torch.float32, torch.float16, torch.bfloat16)
    methods = {torch.Tensor.float, torch.Tensor.half, torch.Tensor.bfloat16}

    def lift(leaf: Any) -> Any:
        is_narrow = isinstance(leaf, torch.dtype) and leaf in narrow
        return torch.float64 if is_narrow else leaf

    class Lifted(TorchFunctionMode):
        def __torch_function__(
            self, function: Any, types: Any, args: Any = (), kwargs: Any = None
        ) -> Any:
            given = pytree.tree_map(lift, (args, kwargs))
            called = torch.Tensor.double if function in methods else function
            return called(*given[0], **(given[1] or {}))

    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    try:
        with Lifted():
            yield
    finally:
        torch.set_default_dtype(before)


def _joined(call: Call) -> Any:
    """The module with its loss behind it, as one module."""
    import torch

    loss = call.loss

    class Joined(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            setattr(self, OUTER, call.module)

        def forward(self, args: Any, kwargs: Any, targets: Any) -> Any:
            outputs = getattr(self, OUTER)(*args, **kwargs)
            if loss is None:
                return outputs
            return of_name(outputs, loss) if isinstance(loss, str) else loss(outputs, *targets)

    joined = Joined()
    joined.training = call.module.training
    return joined


def of_name(outputs: Any, path: str) -> Any:
    """The module's own result of a name such as `loss` or `both.0`.

    Raises:
        BackhandError: if there is none.
    """
    found = outputs
    for part in path.split("."):
        try:
            found = found[int(part)] if part.isdecimal() else found[part]
        except (KeyError, IndexError, TypeError):
            raise BackhandError(f"the module has no result called `{path}`") from None
    return found


def _exported(whole: Any, name: str, arguments: Any) -> Any:
    import torch

    try:
        return torch.export.export(whole, arguments, strict=False)
    except Exception as error:
        frame = refused.user_frame(error, [])
        raise refused.not_captured(one_line(name), error, frame) from None


@dataclass(frozen=True)
class _Flat:
    """The steps of our rules, and how they hang together with the graph."""

    network: Network
    numbers: Mapping[str, np.ndarray]
    """What parameters, buffers and constants hold."""
    names: Mapping[str, str]
    """What values are called now that were read off the graph under other names."""
    changed: Mapping[str, str]
    """For each buffer that the module changes the name of its new value."""

    def name_of(self, value: Any) -> str:
        """What the network calls what a node of the graph stands for; empty if it has no such."""
        if value is None or isinstance(value, tuple):
            return ""
        name = self.names.get(value.name, value.name)
        return name if name in self._known else ""

    @cached_property
    def _known(self) -> frozenset[str]:
        return frozenset(value.name for value in self.network.forward.values())


def _flat(whole: Any, name: str, program: Any, reading: Reading) -> _Flat:
    """A graph as flat steps, by the passes that `capture` takes, every size built in."""
    import torch

    found = signature(whole, name, program, reading)
    network, numbers, instead, changed = tidied(found.network, found, reading, torch)
    network, missing = with_rules(network, reading.schemas, reading.shapes, reading.orders)
    if missing:
        raise refused.no_rules(one_line(name), missing, reading.schemas)
    made = [value.name for step in network.forward.body for value in step.made()]
    network = with_named_outputs(network, found.outputs, found.names, changed)
    network = _with_names(numbered(network))
    now = (value.name for step in network.forward.body for value in step.made())
    names = dict(zip(made, now, strict=True))
    still = dict(names)
    for gone in instead:
        last = gone
        while last in instead:
            last = instead[last]
        names[gone] = still.get(last, last)
    new = network.forward.outputs[len(network.forward.outputs) - len(changed) :]
    buffers = {old: value.name for old, value in zip(changed, new, strict=True)}
    return _Flat(_with_names(with_asked_results(network)), numbers, names, buffers)


def _with_names(network: Network) -> Network:
    """The network whose values all have a name of their own: `%3` is `v3`."""
    taken = {value.name for value in network.forward.values()}
    nameless = [name for name in taken if name.startswith("%")]
    prefix = "v"
    while any(name.replace("%", prefix) in taken for name in nameless):
        prefix += "_"
    return renamed(network, {name: name.replace("%", prefix) for name in nameless})


@contextmanager
def generator_at(seed: int) -> Iterator[None]:
    """PyTorch's generator at a seed; afterwards as it was."""
    import torch

    before = torch.get_rng_state()
    torch.manual_seed(seed)
    try:
        yield
    finally:
        torch.set_rng_state(before)


@dataclass
class _Run:
    """What a run leaves behind, by the nodes of the graph."""

    values: dict[Any, Any] = field(default_factory=dict)
    """Copies of what each node made, before anything was written into it."""
    tensors: dict[Any, Any] = field(default_factory=dict)
    """What it made itself, for autograd."""
    alone: dict[Any, tuple[list[tuple[Any, Any]], Any]] = field(default_factory=dict)
    """What it was given when it ran by itself, by node, and what it made then."""
    gradients: dict[int, Any] = field(default_factory=dict)
    """The derivative by each tensor, by the tensor's identity."""
    buffers: dict[str, Any] = field(default_factory=dict)
    """What the buffers are afterwards, by the names of their nodes."""


def _run(program: Any, whole: Any, arguments: Any, seed: int) -> _Run:
    """Run an exported program node by node, and its derivative."""
    import torch
    from torch.utils import _pytree as pytree

    run = _Run()
    runner = _interpreter(run)
    state = {**dict(whole.named_parameters(remove_duplicate=False)),
             **dict(whole.named_buffers(remove_duplicate=False))}  # fmt: skip
    given = iter(pytree.tree_leaves(arguments))
    inputs = []
    copies: dict[int, Any] = {}
    for spec in program.graph_signature.input_specs:
        kind = spec.kind.name
        tensor = next(given) if kind == "USER_INPUT" else state.get(spec.target)
        tensor = program.constants.get(spec.target) if tensor is None else tensor
        if id(tensor) not in copies:
            copies[id(tensor)] = _leaf(tensor, kind != "BUFFER")
        inputs.append(copies[id(tensor)])
        if kind == "BUFFER":
            run.buffers[spec.arg.name] = inputs[-1]
    with torch.enable_grad():
        outputs = runner(program.graph_module).run(*inputs)
        floats = [x for x in pytree.tree_leaves(outputs) if _has_gradient(x)]
        kept = list({id(t): t for ts in run.tensors.values() for t in _parts(ts)
                     if _has_gradient(t)}.values())  # fmt: skip
        if floats and kept:
            cotangents = random_cotangents([tuple(x.shape) for x in floats], seed)
            given_back = [torch.from_numpy(np.asarray(c)).to(x) for c, x in
                          zip(cotangents, floats, strict=True)]  # fmt: skip
            if len(floats) == 1 and floats[0].ndim == 0:
                given_back = [torch.ones_like(floats[0])]
            found = torch.autograd.grad(floats, kept, given_back, allow_unused=True)
            run.gradients = {id(t): g for t, g in zip(kept, found, strict=True) if g is not None}
    return run


def random_cotangents(shapes: Sequence[tuple[int, ...]], seed: int) -> list[np.ndarray]:
    """Derivatives by results, where there is no loss: normal numbers, each of a seed."""
    generator = np.random.default_rng(seed)
    return [generator.standard_normal(shape) for shape in shapes]


def _leaf(tensor: Any, trained: bool) -> Any:
    """A copy into which an operator may write, and by which there is a derivative."""
    import torch

    if not isinstance(tensor, torch.Tensor):
        return tensor
    copied = tensor.detach().clone()
    if trained and copied.is_floating_point():
        return copied.requires_grad_().clone()
    return copied


def _has_gradient(x: Any) -> bool:
    return hasattr(x, "requires_grad") and bool(x.requires_grad)


def _interpreter(run: _Run) -> Any:
    """PyTorch's interpreter of graphs, which writes down what it sees."""
    import torch
    from torch.utils import _pytree as pytree

    def alone(leaf: Any) -> Any:
        if not isinstance(leaf, torch.Tensor):
            return leaf
        copied = leaf.detach().clone()
        return copied.requires_grad_(leaf.requires_grad)

    class Runner(torch.fx.Interpreter):
        def run_node(self, n: Any) -> Any:
            is_operator = n.op == "call_function" and hasattr(n.target, "_schema")
            if is_operator:
                self._by_itself(n)
            made = super().run_node(n)
            if n.op in ("call_function", "placeholder"):
                run.tensors[n] = made
                run.values[n] = pytree.tree_map(
                    lambda x: x.detach().clone() if isinstance(x, torch.Tensor) else x, made
                )
            return made

        def call_function(self, target: Any, args: Any, kwargs: Any) -> Any:
            if getattr(target, "__name__", "") != INLINED:
                return super().call_function(target, args, kwargs)
            enabled, part, *given = args
            with torch.set_grad_enabled(bool(enabled)):
                return Runner(part).run(*given)

        def _by_itself(self, n: Any) -> None:
            """The operator on copies of its own; the generator draws the same again."""
            before = torch.get_rng_state()
            args, kwargs = self.fetch_args_kwargs_from_env(n)
            given: list[tuple[Any, Any]] = []

            def take(node: Any) -> Any:
                found = alone(self.env[node])
                if isinstance(found, torch.Tensor):
                    given.append((node, found))
                    # an operator that works in place cannot be given a leaf of autograd's
                    return found.clone()
                return found

            args, kwargs = torch.fx.node.map_arg((n.args, n.kwargs), take)
            with torch.enable_grad():
                run.alone[n] = given, n.target(*args, **kwargs)
            torch.set_rng_state(before)

    return Runner


def _told(flat: _Flat, reading: Reading, run: _Run) -> Watched:
    """The run in the names of the network."""
    values: dict[str, np.ndarray] = dict(flat.numbers)
    formats: dict[str, str] = {}

    def show(name: str, array: Any) -> None:
        if name and hasattr(array, "dtype") and name not in formats:
            values[name] = array.detach().cpu().numpy().copy()
            formats[name] = str(array.dtype).removeprefix("torch.")

    for node, made in run.values.items():
        for value, array in zip(_parts(reading.values.get(node)), _parts(made), strict=False):
            show(flat.name_of(value), array)
        if node.name in run.buffers and (old := flat.name_of(reading.values.get(node))):
            show(flat.changed.get(old, ""), run.buffers[node.name])
    operators = tuple(_operator(node, flat, reading, run) for node in run.alone)
    return Watched(flat.network, values, operators, formats)


def _operator(node: Any, flat: _Flat, reading: Reading, run: _Run) -> Operator:
    """One operator with its own derivative."""
    given, made = run.alone[node]
    parts = _parts(reading.values.get(node))
    cotangents: dict[str, Any] = {}
    results = []
    for value, result, tensor in zip(parts, _parts(made), _parts(run.tensors[node]), strict=False):
        gradient = run.gradients.get(id(tensor))
        if gradient is not None and _has_gradient(result) and (name := flat.name_of(value)):
            cotangents[name] = gradient.detach()
            results.append(result)
    read = [(flat.name_of(reading.values.get(n)), tensor) for n, tensor in given]
    names = tuple(dict.fromkeys(name for value in parts if (name := flat.name_of(value))))
    return Operator(
        operator_name(node.target),
        names,
        tuple(name for name, _ in read),
        {name: gradient.cpu().numpy() for name, gradient in cotangents.items()},
        _derivatives(results, list(cotangents.values()), read),
    )


def _derivatives(
    results: Sequence[Any], cotangents: Sequence[Any], read: Sequence[tuple[str, Any]]
) -> dict[str, np.ndarray]:
    """What an operator's own derivative makes of cotangents, by what it was given; of an array
    that it was given twice both together."""
    import torch

    leaves = [(name, tensor) for name, tensor in read if name and tensor.requires_grad]
    if not results or not leaves:
        return {}
    tensors = [tensor for _, tensor in leaves]
    made = torch.autograd.grad(results, tensors, cotangents, allow_unused=True)
    found: dict[str, np.ndarray] = {}
    for (name, _), gradient in zip(leaves, made, strict=True):
        if gradient is not None:
            array = gradient.cpu().numpy()
            found[name] = found[name] + array if name in found else array
    return found


def _parts(made: Any) -> Sequence[Any]:
    """What a node makes, one by one."""
    return made if isinstance(made, list | tuple) else [made]
