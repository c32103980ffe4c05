"""The backward pass, derived: walk the steps in reverse and ask each rule for its derivative.

Two things happen here and nowhere else: broadcasting is undone (what was repeated is summed),
and fan-in is added up (a value used twice has two derivatives, which add).
Source: Griewank and Walther, Evaluating Derivatives (2008), ch. 3, reverse mode.
"""

from collections import Counter
from dataclasses import dataclass, field, replace

from backhand.derive.activity import differentiable
from backhand.derive.fan_in import added, fresh, part_name, summed
from backhand.errors import BackhandError
from backhand.graph import Attribute, Kind, Network, Place, Size, Step, Value, check
from backhand.rules.operations import operation, result_shapes
from backhand.rules.register import rule
from backhand.rules.together import PAIRS, Pair

ONE = Value("1", (), "constant", 1)


def derive(network: Network, *, together: bool = True) -> Network:
    """The network with its backward pass: the derivative of the loss by every parameter.

    Args:
        network: without a backward pass.
        together: use the simpler derivatives of `rules/together.py`; without them each step is
            differentiated by itself, as autograd does it.

    Raises:
        BackhandError: if there is no loss, or a parameter does not influence it.
    """
    if network.loss is None:
        raise BackhandError("a backward pass needs a loss", where=network.name)
    work = _Work.of(network, together)
    for step in reversed(network.steps):
        if step.output.name in work.reached:
            _undo(step, work)
    gradients = tuple(work.total(p) for p in network.forward.parameters)
    body = tuple(work.body)
    saved, saved_by_loss = _saved(network, body)
    inputs = (*network.forward.inputs, *network.targets, *saved, *saved_by_loss)
    backward = Kind(
        f"{network.forward.name}_backward",
        tuple(v for v in inputs if v.role != "generator"),
        network.forward.parameters,
        gradients,
        body,
    )
    derived = replace(network, backward=backward, saved=saved, saved_by_loss=saved_by_loss)
    return check(derived, named=False)


def idle_parameters(network: Network) -> tuple[Value, ...]:
    """The parameters that do not influence the loss, if there is one."""
    if network.loss is None:
        return ()
    reached = _reached(network)
    return tuple(p for p in network.forward.parameters if p.name not in reached)


@dataclass
class _Work:
    """What has been derived so far, from the loss backwards."""

    reached: frozenset[str]
    """Values that depend on a parameter and influence the loss."""
    uses: Counter[str]
    """How many derivatives each value will get."""
    pairs: dict[str, tuple[Pair, Step | None]]
    """By the output of a loss step: its simpler derivative, and the step that it skips."""
    taken: set[str]
    body: list[Step] = field(default_factory=list)
    parts: dict[str, list[Value]] = field(default_factory=dict)
    nameless: int = 0

    @classmethod
    def of(cls, network: Network, together: bool) -> "_Work":
        assert network.loss is not None
        reached = _reached(network)
        uses: Counter[str] = Counter()
        for step in network.steps:
            if step.output.name in reached:
                uses.update(v.name for v in differentiable(step) if v.name in reached)
        taken = {v.name for kind in network.kinds for v in kind.values()}
        work = cls(reached, uses, _pairs(network, uses) if together else {}, taken)
        work.parts[network.loss.outputs[0].name] = [ONE]
        return work

    def fresh(self, name: str) -> str:
        """The name, or with a number behind it where it is taken."""
        return fresh(name, self.taken)

    def unnamed(self) -> str:
        self.nameless += 1
        return f"%d{self.nameless}"

    def total(self, value: Value) -> Value:
        """The derivative by `value`, its parts added up."""
        parts = self.parts.get(value.name, [])
        if not parts:
            raise BackhandError(
                f"`{value.name}` does not influence the loss, so it cannot be trained",
                repair=f"use `{value.name}` in the network, or leave it out of the weights",
            )
        if len(parts) > 1:
            steps = tuple(added(value.name, parts, self.fresh, lambda _: self.unnamed()))
            self.body.extend(steps)
            self.parts[value.name] = [steps[-1].output]
        return self.parts[value.name][0]


def _reached(network: Network) -> frozenset[str]:
    """Values on a path from a parameter to the loss."""
    assert network.loss is not None
    from_parameters = {p.name for p in network.forward.parameters}
    for step in network.steps:
        if any(v.name in from_parameters for v in differentiable(step)):
            from_parameters.add(step.output.name)
    to_loss = {network.loss.outputs[0].name}
    for step in reversed(network.steps):
        if step.output.name in to_loss:
            to_loss.update(v.name for v in differentiable(step))
            _check_others(step, from_parameters)
    return frozenset(from_parameters & to_loss)


def _check_others(step: Step, from_parameters: set[str]) -> None:
    """Raise if an input that the rule has no derivative for, a loss's target, needs one."""
    known = rule(step.function)
    for parameter, value in zip(known.forward.parameters, step.inputs, strict=True):
        if parameter not in known.wrt and value.name in from_parameters:
            raise BackhandError(
                f"`{step.function}` has no derivative by its `{parameter}`, "
                "which depends on weights",
                where=str(step.place or ""),
                wanted="a target there, or what is made of targets and numbers alone",
                repair="write it out, e.g. mean((p - q) ** 2)",
            )


def _pairs(network: Network, uses: Counter[str]) -> dict[str, tuple[Pair, Step | None]]:
    """Loss steps that have a simpler derivative, alone or with the step before them."""
    makers = {step.output.name: step for step in network.steps}
    found: dict[str, tuple[Pair, Step | None]] = {}
    for step in network.steps:
        maker = makers.get(step.inputs[0].name)
        pair = PAIRS.get((maker.function, step.function)) if maker else None
        if pair and maker and _fits(pair, step) and _fits_maker(maker, uses):
            found[step.output.name] = (pair, maker)
        elif (pair := PAIRS.get(("", step.function))) and _fits(pair, step):
            found[step.output.name] = (pair, None)
    return found


def _fits(pair: Pair, loss: Step) -> bool:
    return not pair.condition or pair.condition in loss.inputs[1].facts


def _fits_maker(maker: Step, uses: Counter[str]) -> bool:
    """Only the loss may read the prediction, whose rows the activation must work along."""
    axis = dict(maker.attributes).get("axis", -1)
    return uses[maker.output.name] == 1 and axis in (-1, len(maker.output.shape) - 1)


def _undo(step: Step, work: _Work) -> None:
    """Append the steps that carry the derivative of a step's output to its inputs."""
    if any(maker and step.output.name == maker.output.name for _, maker in work.pairs.values()):
        return  # its loss has already carried the derivative past it
    cotangent = work.total(step.output)
    if step.output.name in work.pairs:
        _undo_pair(step, cotangent, work)
        return
    known = rule(step.function)
    assert known.backward is not None
    available = dict(zip(known.forward.parameters, step.inputs, strict=True))
    available |= {known.output: step.output, "d" + known.output: cotangent}
    wanted = [p for p in known.wrt if available[p].name in work.reached]
    if known.backward.expressions or len(known.wrt) == 1:
        for parameter in wanted:
            name = f"{step.function}.d{parameter}"
            _append(name, available, available[parameter], step, work)
    else:
        _append_whole(available, wanted, step, work)


def _undo_pair(step: Step, cotangent: Value, work: _Work) -> None:
    pair, maker = work.pairs[step.output.name]
    prediction, target = step.inputs[:2]
    available = {"p": prediction, "y": target, "dloss": cotangent}
    because = pair.because.format(p=prediction.name, y=target.name)
    function = f"{pair.activation}+{step.function}.dx"
    value = maker.inputs[0] if maker else prediction
    _append(function, available, value, step, work, because=because)


def _append(
    function: str,
    available: dict[str, Value],
    value: Value,
    step: Step,
    work: _Work,
    because: str = "",
) -> None:
    """One derivative, with what broadcasting repeated summed again."""
    op = operation(function)
    inputs = tuple(available[p] for p in op.parameters)
    attributes = {k: v for k, v in step.attributes if k in op.attributes}
    if all(v.literal is not None for v in inputs) and not value.shape:
        part = float(op.results(tuple(v.literal for v in inputs), attributes)[0])
        number = int(part) if part.is_integer() else part
        work.parts.setdefault(value.name, []).append(Value(repr(number), (), "constant", number))
        return
    (shape,) = _shapes(function, inputs, attributes, step.place)
    name = _part_name(value, step, work)
    out = Value(name if shape == value.shape else work.unnamed(), shape)
    made = Step(
        function, inputs, (out,), tuple(attributes.items()), step.place, step.output.name, because
    )
    work.body.append(made)
    _contribute(value, out, name, step, work)


def _contribute(value: Value, out: Value, name: str, step: Step, work: _Work) -> None:
    """Keep `out` as a part of the derivative by `value`, what broadcasting repeated summed."""
    steps = tuple(summed(out, value, step, lambda: name, work.unnamed))
    work.body.extend(steps)
    work.parts.setdefault(value.name, []).append(steps[-1].output if steps else out)


def _append_whole(available: dict[str, Value], wanted: list[str], step: Step, work: _Work) -> None:
    """All derivatives of a rule whose backward is called, in one step with several results."""
    function = f"{step.function}.backward"
    op = operation(function)
    inputs = tuple(available[p] for p in op.parameters)
    attributes = {k: v for k, v in step.attributes if k in op.attributes}
    shapes = _shapes(function, inputs, attributes, step.place)
    outputs: list[Value | None] = []
    later: list[tuple[Value, Value, str]] = []
    for parameter, shape in zip(rule(step.function).wrt, shapes, strict=True):
        value = available[parameter]
        if parameter not in wanted:
            outputs.append(None)
            continue
        name = _part_name(value, step, work)
        full = Value(work.fresh(name + "_full") if shape != value.shape else name, shape)
        outputs.append(full)
        later.append((value, full, name))
    attrs = tuple(attributes.items())
    work.body.append(Step(function, inputs, tuple(outputs), attrs, step.place, step.output.name))
    for value, full, name in later:
        _contribute(value, full, name, step, work)


def _shapes(
    function: str, inputs: tuple[Value, ...], attributes: dict[str, Attribute], place: Place | None
) -> tuple[tuple[Size, ...], ...]:
    try:
        return result_shapes(operation(function), inputs, attributes)
    except BackhandError as error:
        raise error.located(str(place) if place else function) from None


def _part_name(value: Value, step: Step, work: _Work) -> str:
    return work.fresh(part_name(value.name, step.output.name, work.uses[value.name]))


def _saved(network: Network, body: tuple[Step, ...]) -> tuple[tuple[Value, ...], tuple[Value, ...]]:
    """Values made on the way forward that the way back reads: by the network, by the loss."""
    assert network.loss is not None
    read = {value.name for step in body for value in step.inputs}
    forward = tuple(v for s in network.forward.body for v in s.made() if v.name in read)
    loss = tuple(v for s in network.loss.body for v in s.made() if v.name in read)
    return forward, loss
