"""The training part of a module's program: schedule, clipping, what is kept, and the update."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from backhand.graph import Attribute
from backhand.writers.layout import INDENT, WIDTH, indented
from backhand.writers.modules.name_sets import name_set
from backhand.writers.modules.plan import Group, TrainingPlan
from backhand.writers.modules.rates import Rate, rate_of
from backhand.writers.shared import function
from backhand.writers.updates import Chosen, chosen

ONLY = '''\
def only(names, dp):
    """The derivatives by these parameters."""
    return {name: dw for name, dw in dp.items() if name in names}'''

_RATE = "learning_rate"

_STAND_INS = 0.7390851332151607
"""From here on, by ones: numbers that no option has. They stand for options with a name while the
branches are chosen, and then the names take their place."""


def training_functions(plan: TrainingPlan) -> list[str]:
    """The parts of the program that train it, each before those that use it.

    `update(p, dp, state, step)` does one step in place; `step` counts from 1, and `state` is what
    `new_state(p)` gives before the first. `dp` has derivatives by the first key of each array; a
    parameter by which it has none stays as it is.
    """
    labels = _labels(plan.groups)
    needs_names = len(plan.groups) > 1 or not plan.covers_all
    rates = [rate_of(schedule, _asked(plan)) for schedule in plan.schedules]
    return [
        *(name_set(labels[n], group.names) for n, group in enumerate(plan.groups) if needs_names),
        *([ONLY] if needs_names else []),
        *(text for rate in rates for text in rate.functions),
        *_clip(plan),
        *_updates(plan, labels if needs_names else [], rates),
    ]


def _asked(plan: TrainingPlan) -> str:
    """The step whose rate counts: PyTorch's ASGD makes each rate at the end of the step before."""
    return "max(step - 1, 1)" if plan.groups[0].optimizer == "asgd" else "step"


def _labels(groups: Sequence[Group]) -> list[str]:
    """What each group's names are called: by weight decay, where that tells two groups apart."""
    decays = [dict(group.options).get("weight_decay", 0) for group in groups]
    if len(groups) == 1:
        return ["TRAINED"]
    if len(groups) == 2 and bool(decays[0]) != bool(decays[1]):
        return ["DECAYED" if decay else "NOT_DECAYED" for decay in decays]
    return [f"GROUP_{number}" for number in range(1, len(groups) + 1)]


# --- clipping -------------------------------------------------------------------------------------


def _clip(plan: TrainingPlan) -> list[str]:
    """`clipped(dp)`, as torch.nn.utils.clip_grad_norm_ and clip_grad_value_, where it is asked."""
    lines, abouts = [], []
    if plan.clip_norm is not None:
        limit = repr(plan.clip_norm)
        abouts.append(f"the norm of them all at most {limit}")
        lines += [
            "norm = float(np.sqrt(sum(np.sum(dw * dw) for dw in dp.values())))",
            f"scale = min(1.0, {limit} / (norm + 1e-6))",
            "dp = {name: scale * dw for name, dw in dp.items()}",
        ]
    if plan.clip_value is not None:
        limit = repr(plan.clip_value)
        abouts.append(f"each number at most {limit} in size")
        lines.append(f"dp = {{name: np.clip(dw, -{limit}, {limit}) for name, dw in dp.items()}}")
    if not lines:
        return []
    last = lines.pop().replace("dp = ", "return ", 1)
    about = f"The derivatives, {', then '.join(abouts)}."
    return [function("clipped", ["dp"], about, [*lines, last])]


# --- the update -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Named:
    """An option that stands in the update under a name: the name, and its value by group."""

    option: str
    name: str
    values: tuple[str, ...]
    is_above_0: bool


def _updates(plan: TrainingPlan, labels: Sequence[str], rates: Sequence[Rate]) -> list[str]:
    """`new_state` and `update`; several groups share a function in between."""
    options = [dict(group.options) for group in plan.groups]
    named = _named(options, rates)
    body = _body(plan.groups[0].optimizer, options[0], named)
    named = [one for one in named if _reads(body, one.name)]
    begun = [chosen(g.optimizer, o).state for g, o in zip(plan.groups, options, strict=True)]
    begins = [{name: own.get(name, "np.zeros_like(w)") for name in body.state} for own in begun]
    state = _new_state(body, begins, labels)
    if len(plan.groups) == 1:
        return [state, _update(plan, body, labels, named)]
    return [state, _of_group(plan, body, named), _of_groups(plan, body, labels, named)]


def _named(options: list[dict[str, Attribute]], rates: Sequence[Rate]) -> list[_Named]:
    """What is scheduled, what differs by group, and the learning rate."""
    found = [_Named(rate.option, rate.now, rate.calls, True) for rate in rates]
    for option in options[0]:
        values = [own[option] for own in options]
        if any(rate.option == option for rate in rates):
            continue
        if any(value != values[0] for value in values):
            found.append(_Named(option, option, tuple(map(repr, values)), _are_above_0(values)))
        elif option == _RATE:
            found.append(_Named(option, option, (option,) * len(values), _are_above_0(values)))
    return found


def _are_above_0(values: Iterable[Attribute]) -> bool:
    return all(isinstance(v, int | float) and not isinstance(v, bool) and v > 0 for v in values)


def _body(optimizer: str, options: Mapping[str, Attribute], named: Sequence[_Named]) -> Chosen:
    """The optimiser's body, in which some options stand under a name."""
    names = {one.option for one in named}
    filled = {option: value for option, value in options.items() if option not in names}
    stand_ins = {one: _STAND_INS + n for n, one in enumerate(named) if one.is_above_0}
    body = chosen(optimizer, filled | {one.option: n for one, n in stand_ins.items()})

    def with_names(lines: Iterable[str]) -> tuple[str, ...]:
        text = "\n".join(lines)
        for one, number in stand_ins.items():
            text = text.replace(repr(number), one.name)
        return tuple(text.splitlines())

    return replace(body, once=with_names(body.once), lines=with_names(body.lines))


def _reads(body: Chosen, name: str) -> bool:
    return any(re.search(rf"\b{name}\b", line) for line in (*body.once, *body.lines))


def _new_state(body: Chosen, begins: list[dict[str, str]], labels: Sequence[str]) -> str:
    """`new_state(p)`: what the optimiser keeps of each parameter, before the first step."""
    if not body.state:
        about = f"{body.torch} with these options keeps nothing."
        return function("new_state", ["p"], about, ["return {}"])
    about = f"What {body.torch} keeps of each parameter: {', '.join(body.state)}."
    texts = [", ".join(own.values()) for own in begins]
    values = [f"({text})" if len(body.state) > 1 else text for text in texts]
    if not labels:
        lines = [f"return {{name: {values[0]} for name, w in p.items()}}"]
    elif len(set(values)) == 1:
        names = " | ".join(labels)
        lines = [f"return {{name: {values[0]} for name, w in only({names}, p).items()}}"]
    else:
        lines = [
            "return {",
            *(f"    **{{name: {value} for name, w in only({label}, p).items()}},"
              for label, value in zip(labels, values, strict=True)),
            "}",
        ]  # fmt: skip
    return function("new_state", ["p"], about, _short(lines))


def _short(lines: list[str]) -> list[str]:
    """A comprehension that is too long for a line over several."""
    if len(lines) > 1 or len(lines[0]) <= WIDTH - len(INDENT):
        return lines
    start, _, rest = lines[0].removesuffix("}").partition("{")
    item, _, loop = rest.partition(" for ")
    return [f"{start}{{", f"    {item}", f"    for {loop}", "}"]


def _loop(body: Chosen) -> list[str]:
    """The lines that change each parameter."""
    kept = f"{', '.join(body.state)} = state[name]"
    lines = ["w = p[name]", *([kept] if body.state else []), *body.lines]
    return [*body.once, "for name, dw in dp.items():", *indented(lines)]


def _prepared(plan: TrainingPlan, labels: Sequence[str]) -> list[str]:
    """The lines that choose derivatives and clip them."""
    clips = plan.clip_norm is not None or plan.clip_value is not None
    chosen = [f"dp = only({' | '.join(labels)}, dp)"] if labels and not plan.covers_all else []
    return [*chosen, *(["dp = clipped(dp)"] * clips)]


def _update(
    plan: TrainingPlan, body: Chosen, labels: Sequence[str], named: Sequence[_Named]
) -> str:
    """`update`, where there is one group."""
    lines = _prepared(plan, labels)
    lines += [f"{one.name} = {one.values[0]}" for one in named if one.name != _RATE]
    return function("update", _arguments(plan, named), _about(body), [*lines, *_loop(body)])


def _of_group(plan: TrainingPlan, body: Chosen, named: Sequence[_Named]) -> str:
    """A step for one group of several, with what is different in each."""
    arguments = ["p", "dp", "state", "step", *(one.name for one in named)]
    about = f"One step of {body.torch} for some parameters, in place."
    return function(f"{plan.groups[0].optimizer}_step", arguments, about, _loop(body))


def _of_groups(
    plan: TrainingPlan, body: Chosen, labels: Sequence[str], named: Sequence[_Named]
) -> str:
    """`update`, where there are several groups."""
    lines = _prepared(plan, labels)
    for number, label in enumerate(labels):
        own = [f"{one.name}={one.values[number]}" for one in named]
        arguments = ["p", f"only({label}, dp)", "state", "step", *own]
        call = f"{plan.groups[0].optimizer}_step("
        flat = f"{call}{', '.join(arguments)})"
        if len(flat) <= WIDTH - len(INDENT):
            lines.append(flat)
        else:
            lines += [call, *(f"{INDENT}{argument}," for argument in arguments), ")"]
    return function("update", _arguments(plan, named), _about(body), lines)


def _arguments(plan: TrainingPlan, named: Sequence[_Named]) -> list[str]:
    """What `update` takes; the learning rate too, where it is one number."""
    is_one = any(one.values[0] == _RATE for one in named)
    rate = dict(plan.groups[0].options)[_RATE]
    return ["p", "dp", "state", "step", *([f"{_RATE}={rate!r}"] if is_one else [])]


def _about(body: Chosen) -> str:
    return f"One step of {body.torch}, in place; steps count from 1."
