"""`backhand.write`: from a module to its program."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from backhand.capture.copying import copied
from backhand.capture.exported import Captured
from backhand.capture.identifiers import one_line
from backhand.capture.trees import Branch, numbers, paths
from backhand.errors import BackhandError
from backhand.modules.derived import Half, evaluated, half
from backhand.modules.example import Example, Loss
from backhand.modules.program import Interface, Program
from backhand.modules.weights import as_pairs
from backhand.writers.modules.signatures import signatures
from backhand.writers.modules.source import Plan, targets_of, write_source

if TYPE_CHECKING:
    import torch


def write(
    module: "torch.nn.Module",
    args: Sequence[Any] = (),
    kwargs: Mapping[str, Any] | None = None,
    *,
    loss: Loss | None = None,
    targets: Any = (),
    optimizer: "torch.optim.Optimizer | None" = None,
    scheduler: Any = None,
    clip_norm: float | None = None,
    clip_value: float | None = None,
) -> Program:
    """A module as a NumPy program, in the mode (training or evaluation) that it is in.

    Args:
        module: any module; it is not changed.
        args: arguments by position, as for a call; arrays of PyTorch or NumPy.
        kwargs: arguments by name.
        loss: a function of PyTorch of the module's result and the targets, or a module of that
            kind; or the name of the loss among the module's own results.
        targets: what the loss takes beside the result: an array, or several in a tuple.
        optimizer: of PyTorch, made on the module's parameters, for a program that trains.
        scheduler: of PyTorch, made on the optimizer.
        clip_norm: the largest norm of all derivatives together, before each step.
        clip_value: the largest size of any derivative, before each step.

    Raises:
        BackhandError: naming all that no rule stands for, with the module's lines; or what does
            not fit together.
    """
    import torch

    given = tuple(map(_as_tensors, args)), {k: _as_tensors(v) for k, v in (kwargs or {}).items()}
    wanted = tuple(map(_as_tensors, targets if isinstance(targets, tuple | list) else (targets,)))
    _check_optional(loss, optimizer)
    own = _own_loss(loss) if isinstance(loss, str) else None
    main = half(module, *given, name="network", training=module.training, outputs=own)
    evaluation = evaluated(module, *given, main) if module.training else None
    by_loss = None
    if loss is not None and not isinstance(loss, str):
        by_loss = _loss_half(module, given, loss, wanted, main)
    training = _training(module, optimizer, scheduler, clip_norm, clip_value)
    number = next(iter(own(main.captured))) if own else None
    plan = _plan(module, main, evaluation, by_loss, number, training)
    return Program(
        write_source(plan),
        _parameters(module, main, evaluation, by_loss),
        _interface(module, main, plan),
        Example(copied(module, torch.Tensor), *given, wanted, loss),
        main.captured.notes,
    )


def _as_tensors(given: Any) -> Any:
    """Arguments with NumPy's arrays as PyTorch's."""
    import torch
    from torch.utils import _pytree as pytree

    def one(leaf: Any) -> Any:
        return torch.from_numpy(leaf) if isinstance(leaf, np.ndarray) else leaf

    return pytree.tree_map(one, given)


def _check_optional(loss: Loss | None, optimizer: object) -> None:
    if optimizer is not None and loss is None:
        raise BackhandError(
            "training needs a loss",
            wanted="a function of the module's result and the targets",
            repair="backhand.write(module, args, loss=torch.nn.functional.mse_loss, targets=y, "
            "optimizer=...)",
        )


def _own_loss(name: str) -> Callable[[Captured], Iterable[int]]:
    """Finds the module's own result of that name."""

    def found(captured: Captured) -> Iterable[int]:
        known = {path: number for number, path in paths(captured.outputs).items()}
        if name not in known:
            raise BackhandError(
                f"the module has no result called `{name}`",
                wanted=", ".join(known),
                got=name,
                repair="name one of these, or give a function of the result and the targets",
            )
        return (known[name],)

    return found


def _loss_half(
    module: Any, given: Any, loss: Callable[..., Any], targets: tuple[Any, ...], main: Half
) -> Half:
    """The loss as a pair of functions of its own, of the module's result and the targets; there is
    no derivative by these."""
    import torch

    class Loss(torch.nn.Module):
        def forward(self, outputs: Any, targets: Any) -> Any:
            return loss(outputs, targets)

    class LossOfSeveral(torch.nn.Module):
        def forward(self, outputs: Any, *targets: Any) -> Any:
            return loss(outputs, *targets)

    before = torch.get_rng_state()
    buffers = {name: buffer.clone() for name, buffer in module.named_buffers()}
    with torch.no_grad():
        outputs = module(*given[0], **given[1])
        for name, buffer in module.named_buffers():
            buffer.copy_(buffers[name])
        _try_loss(loss, outputs, targets)
    torch.set_rng_state(before)
    own = Loss() if len(targets) == 1 else LossOfSeveral()
    return half(
        own,
        (outputs, *targets),
        None,
        name="network_loss",
        training=True,
        inputs=lambda captured: _of_module(captured, main),
        names=lambda captured: _names_in_loss(captured, main),
        widths=main.widths,
    )


def _try_loss(loss: Callable[..., Any], outputs: Any, targets: tuple[Any, ...]) -> None:
    """Call a loss as PyTorch would: what is wrong with its targets is told here."""
    try:
        loss(outputs, *targets)
    except Exception as error:
        raise BackhandError(
            "the loss cannot be computed of the module's result and these targets",
            wanted="targets as the loss takes them beside the result",
            got=f"{', '.join(map(_described, (outputs, *targets)))}: {one_line(str(error))[:200]}",
            repair="give them as targets=y, several in a tuple",
        ) from None


def _described(given: Any) -> str:
    """An array by its shape and format, anything else by its type."""
    shape = getattr(given, "shape", None)
    if shape is None:
        return type(given).__name__
    return f"{str(given.dtype).removeprefix('torch.')} {list(shape)}"


def _of_module(by_loss: Captured, main: Half) -> dict[int, int]:
    """For each input of the loss that is an output of the module, which one."""
    assert isinstance(by_loss.inputs, Branch)
    (args, _) = by_loss.inputs.parts
    assert isinstance(args, Branch)
    return dict(zip(numbers(args.parts[0]), numbers(main.captured.outputs), strict=True))


def _names_in_loss(by_loss: Captured, main: Half) -> dict[str, str]:
    """What the loss calls its result, and what the module calls its own where it has a name."""
    forward = by_loss.network.forward
    inputs = [value.name for value in forward.inputs if value.role != "generator"]
    outputs = main.top.kind.outputs
    found = {inputs[n]: outputs[of].name for n, of in _of_module(by_loss, main).items()}
    found = {old: new for old, new in found.items() if not new.startswith("output")}
    found |= {value.name: "loss" for value in forward.outputs}
    taken = {value.name for value in forward.values()}
    return {old: new for old, new in found.items() if new not in taken}


def _training(
    module: Any, optimizer: Any, scheduler: Any, clip_norm: float | None, clip_value: float | None
) -> tuple[str, ...]:
    """The text of the optimiser's functions."""
    if optimizer is None:
        return ()
    from backhand.modules.optimizers import training_plan
    from backhand.writers.modules.training import training_functions

    plan = training_plan(module, optimizer, scheduler, clip_norm=clip_norm, clip_value=clip_value)
    return tuple(training_functions(plan))


def _plan(
    module: Any,
    main: Half,
    evaluation: Half | None,
    by_loss: Half | None,
    own: int | None,
    training: tuple[str, ...],
) -> Plan:
    import torch

    captured = main.captured
    return Plan(
        one_line(type(module).__name__),
        main.derived,
        evaluation.derived if evaluation else None,
        by_loss.derived if by_loss else None,
        own,
        _carried(main, by_loss) if by_loss else (),
        training,
        _tied(module),
        captured.network.sizes,
        main.widths,
        captured.notes,
        str(torch.__version__).partition("+")[0],
    )


def _carried(main: Half, by_loss: Half) -> tuple[int | None, ...]:
    """For each input of the loss the output of the module that it is; None for a target."""
    of = _of_module(by_loss.captured, main)
    return tuple(of.get(n) for n in range(len(by_loss.inputs)))


def _first_keys(module: Any) -> dict[str, str]:
    """For each key of the `state_dict` the first key of the same array."""
    first: dict[int, str] = {}
    found = {}
    for key, tensor in module.state_dict(keep_vars=True).items():
        found[key] = first.setdefault(id(tensor), key)
    return found


def _tied(module: Any) -> dict[str, str]:
    return {key: first for key, first in _first_keys(module).items() if key != first}


def _parameters(
    module: Any, main: Half, evaluation: Half | None, by_loss: Half | None
) -> dict[str, np.ndarray]:
    """Every array of the `state_dict`, and what else the functions read in `p`."""
    firsts = _first_keys(module)
    state = {key: as_pairs(t.detach().cpu().numpy()) for key, t in module.state_dict().items()}
    found = {key: state[first] for key, first in firsts.items()}
    for part in (main, evaluation) if evaluation else (main,):
        for key, name in part.places.items():
            found.setdefault(key, part.captured.arrays[name])
    if by_loss is None:
        return found
    for key, name in by_loss.places.items():
        if key in found:
            raise BackhandError(
                "the loss and the module have arrays of the same name",
                where=key,
                repair="let the loss be a part of the module, and name it: loss='...'",
            )
        found[key] = by_loss.captured.arrays[name]
    return found


def _interface(module: Any, main: Half, plan: Plan) -> Interface:
    captured, top = main.captured, main.top
    own = signatures(main.derived)[top.kind.name]
    pairs = zip(top.kind.inputs, top.inputs, strict=True)
    return Interface(
        top.kind.name,
        plan.evaluation.pairs[-1].kind.name if plan.evaluation else "",
        tuple(v.name for v in main.inputs),
        captured.inputs,
        captured.outputs,
        tuple(v.name for v in top.kind.outputs),
        own.reads_parameters,
        bool(top.saved),
        main.draws,
        top.outputs,
        tuple(value.name for value, derivative in pairs if derivative is not None),
        any(v is not None for v in top.parameters),
        own.reads_parameters_back,
        tuple(targets_of(plan)),
        plan.has_loss,
        bool(plan.training),
        {key: key for key in module.state_dict()},
        frozenset(key for key, array in module.state_dict().items() if array.is_complex()),
    )
