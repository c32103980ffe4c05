"""`backhand.compare` of a module: in float64 first, then in its own precision."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, get_args

import numpy as np

from backhand.agreement.modules.backs import backward, steps_of
from backhand.agreement.modules.calls import OUTER, Call, called, own_precision
from backhand.agreement.modules.result import LIFTED, ModuleAgreement, ModuleStep
from backhand.agreement.modules.steps import Compared, Feeding
from backhand.agreement.modules.watched import Operator, watched
from backhand.agreement.modules.whole import Basis, WholeValue, whole
from backhand.agreement.modules.witness import of_backward, of_forward
from backhand.agreement.result import Finding, StepAgreement
from backhand.capture.identifiers import one_line
from backhand.errors import BackhandError, did_you_mean, shown
from backhand.experiment import Precision
from backhand.graph import Step

if TYPE_CHECKING:
    import torch


def compare_module(
    module: "torch.nn.Module",
    args: Sequence[Any] = (),
    kwargs: Mapping[str, Any] | None = None,
    *,
    loss: Any = None,
    targets: Any = (),
    training: bool | None = None,
    precision: str | None = None,
    seed: int = 0,
) -> ModuleAgreement:
    """Hold a module's NumPy program against PyTorch.

    Each operator by itself, forward and backward, fed PyTorch's numbers; then the program's text as
    a whole: results, loss, all derivatives, the buffers afterwards. In float64 first, then in the
    module's own precision. The module is not changed.

    Args:
        module: any module that `backhand.write` takes.
        args: arguments by position, as for a call; arrays of PyTorch or NumPy.
        kwargs: arguments by name.
        loss: a function of PyTorch of the module's result and the targets, or the name of the loss
            among the module's own results. Without one the derivatives are those by random
            cotangents of its results.
        targets: what the loss takes beside the result: an array, or several in a tuple.
        training: in which mode; the one that the module is in.
        precision: float32 or float64; that of the module's parameters.
        seed: of both sides' dropout masks, and of the cotangents.

    Raises:
        BackhandError: if the module cannot be captured, or an argument cannot be understood.
    """
    own = own_precision(module, args, kwargs) if precision is None else _as_precision(precision)
    mode = module.training if training is None else training
    rounds = []
    for word in dict.fromkeys((LIFTED, own)):
        with np.errstate(all="ignore"):
            once = called(module, args, kwargs, loss, targets, training=mode, precision=word)
            rounds.append(_round(once, word, seed))
    return _agreement(one_line(type(module).__name__), own, mode, rounds)


def _round(once: Call, precision: Precision, seed: int) -> "_Round":
    """All that is compared of a call in one format."""
    found = _Round(Feeding(watched(once, precision, seed), precision, seed)).compared()
    found.whole += whole(once, precision, seed)
    return found


def _agreement(
    name: str, precision: Precision, training: bool, rounds: Sequence["_Round"]
) -> ModuleAgreement:
    """What all formats together say."""
    steps, ends = _steps(rounds), _whole(rounds)
    return ModuleAgreement(
        name,
        precision,
        training,
        steps,
        ends,
        _first(rounds, steps, ends),
        _resting_on("alike", rounds),
        _resting_on("at random", rounds),
        tuple(dict.fromkeys(text for r in rounds for text in r.only_whole)),
    )


def _resting_on(basis: Basis, rounds: Sequence["_Round"]) -> tuple[str, ...]:
    """Results of the whole that are told only by such a bound, in any format."""
    return tuple(dict.fromkeys(v.name for r in rounds for v in r.whole if v.basis == basis))


def _as_precision(word: str) -> Precision:
    known = get_args(Precision)
    if word not in known:
        raise BackhandError(
            f"`{shown(word)}` is no precision that a module is compared in",
            wanted=" or ".join(known),
            repair=did_you_mean(word, known),
        )
    return word  # type: ignore[return-value]


@dataclass
class _Round:
    """One format: all that was compared in it, and the operators behind the derivatives."""

    feeding: Feeding
    steps: list[tuple[Compared, Operator | None]] = field(default_factory=list)
    whole: list[WholeValue] = field(default_factory=list)
    only_whole: list[str] = field(default_factory=list)

    def compared(self) -> "_Round":
        """Every step forward, then every operator's derivative, the last operator first."""
        seen = self.feeding.watched
        by_value = {name: operator for operator in seen.operators for name in operator.made}
        for one in self.feeding.forward():
            self.steps.append((one, by_value.get(one.name)))
        for operator in reversed(seen.operators):
            found = list(backward(self.feeding, operator))
            self.steps += [(one, operator) for one in found]
            is_same = set(operator.made) <= set(operator.read)
            if operator.derivatives and operator.made and not found and not is_same:
                self.only_whole.append(f"{operator.function} ({', '.join(operator.made)})")
        return self


def _key(one: Compared) -> tuple[str, str, str]:
    return one.part, one.name, one.by


def _steps(rounds: Sequence[_Round]) -> tuple[ModuleStep, ...]:
    """Every step with its judgement in each format."""
    found: dict[tuple[str, str, str], ModuleStep] = {}
    for once in rounds:
        for one, operator in once.steps:
            before = found.get(_key(one)) or _step(one, operator)
            judgements = {**before.judgements, once.feeding.precision: one.judgement}
            found[_key(one)] = replace(before, judgements=judgements)
    return tuple(found.values())


def _step(one: Compared, operator: Operator | None) -> ModuleStep:
    """A step, not judged yet."""
    step = one.step
    name = f"d{_plain_name(one.by)}" if one.by else one.name
    code = _code(step)
    function = f"{_short(operator)}'s derivative" if one.by and operator else step.function
    return ModuleStep(
        name,
        one.part,
        function,
        code,
        (code,),
        operator.function if operator else "",
        {},
        step.place,
        module_path(step),
    )


def _short(operator: Operator) -> str:
    """`linear` of `aten.linear.default`."""
    return operator.function.split(".")[1]


def _code(step: Step) -> str:
    """`v3 = relu(v2)`."""
    made = ", ".join(value.name for value in step.made())
    return f"{made} = {step.function}({', '.join(_plain_name(str(v)) for v in step.inputs)})"


def _plain_name(name: str) -> str:
    """A name without the module's place within the one that joins it with its loss."""
    return name.removeprefix(f"{OUTER}_")


def module_path(step: Step) -> str:
    """The path of the user's module in which a step stands; empty for the outermost."""
    paths = [module.path for module in step.modules]
    inner = [path for path in paths if path != OUTER]
    return inner[-1].removeprefix(f"{OUTER}.") if inner else ""


def _whole(rounds: Sequence[_Round]) -> tuple[StepAgreement, ...]:
    found: dict[tuple[str, str], StepAgreement] = {}
    for once in rounds:
        for one in once.whole:
            key = one.part, one.name
            before = found.get(key)
            judgements = {**(before.judgements if before else {}),
                          once.feeding.precision: one.judgement}  # fmt: skip
            found[key] = StepAgreement(one.name, one.part, "", "", (), "", judgements)
    return tuple(found.values())


def _first(
    rounds: Sequence[_Round], steps: Sequence[ModuleStep], ends: Sequence[StepAgreement]
) -> Finding | None:
    """The first that parts: of the steps in the order in which they run, in float64 before any
    other format; of the whole only where every step agrees."""
    for once, one, operator in _parting(rounds):
        element = one.judgement.first
        assert element is not None
        step = next(s for s in steps if s.judgements.get(once.feeding.precision) is one.judgement)
        side, words = _witness(once, one, operator)
        return Finding(step, once.feeding.precision, element, side, words)
    for end in ends:
        for precision, judgement in end.judgements.items():
            if judgement.first is not None:
                return Finding(end, precision, judgement.first, "", "")
    return None


def _parting(rounds: Sequence[_Round]) -> Iterator[tuple[_Round, Compared, Operator | None]]:
    for once in rounds:
        for one, operator in once.steps:
            if one.judgement.verdict == "differs":
                yield once, one, operator


def _witness(once: _Round, one: Compared, operator: Operator | None) -> tuple[str, str]:
    element = one.judgement.first
    if element is None or one.judgement.misfit:
        return "", ""
    if one.part == "forward":
        return of_forward(once.feeding, one.step, one.name, element)
    if operator is None:
        return "", ""
    steps = steps_of(once.feeding, operator)
    return of_backward(once.feeding, operator, steps, one.by, element)
