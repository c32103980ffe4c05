"""The chain rule in words: one sentence for each step of a backward pass.

Sentences are made from the step's own structure: which value, through which line, summed over
what. What a rule does to a derivative stands in the tables of `sentences`; a rule that is not in
them gets a sentence that is true of any rule.
"""

from dataclasses import dataclass

from backhand.graph import Network, Step, Value
from backhand.rules.operations import operation
from backhand.rules.register import rule
from backhand.writers.formulas.meanings import (
    forward_step,
    is_fan_in,
    is_sum,
    meanings,
    of_network,
    parameters_of,
    undone_step,
)
from backhand.writers.formulas.sentences import BY_ROW, CLAUSES, REPEATED, SENTENCES
from backhand.writers.lines import lines_of, numpy_spelling, written


@dataclass(frozen=True)
class Link:
    """One link of the chain: the derivative by `of` through the forward step `forward`.

    `line` is the line of the NumPy program with that step; `arriving` is the number that the
    derivative of the step's result is, where it is one, as that of the loss is 1.
    """

    of: Value
    parameter: str
    forward: Step
    line: str
    arriving: float | None
    sums: tuple[Step, ...]

    @property
    def out(self) -> str:
        value = self.forward.output
        return f"the result of {self.forward.function}" if value.is_nameless else value.name

    @property
    def that(self) -> str:
        return f"that of {self.out}" if self.arriving is None else f"{self.arriving:g}"


def in_words(step: Step, network: Network) -> str:
    """What a backward step does, in one sentence; empty for a step in another's line."""
    if all(value.is_nameless for value in step.made()):
        return ""
    if is_fan_in(step):
        return f"{step.because}."
    links = [_link(step, value, network) for value in step.made()]
    if len(links) > 1:
        names = " and ".join(link.of.name for link in links)
        return f"The derivatives of {names} are {_carried_back(links[0])}."
    (link,) = links
    if "+" in step.function:
        return _simpler(step, link, network)
    if link.sums:
        return _summed(link, network)
    if sentence := SENTENCES.get(link.forward.function):
        return _filled(sentence, link)
    return f"{_lead(link, network)} {_clause(link)}."


def _link(step: Step, value: Value, network: Network) -> Link:
    assert network.backward is not None
    known = meanings(network)
    origin = known.origins[value.name]
    made = {v.name: s for s in network.backward.body for v in s.made()}
    sums = []
    while is_sum(step):
        sums.append(step)
        value = step.inputs[0]
        step = made[value.name]
    by_name = zip(origin.outputs, parameters_of(origin, network), strict=True)
    (parameter,) = [p for out, p in by_name if out is not None and out.name == value.name]
    forward = undone_step(origin, network)
    return Link(
        known.derivatives[value.name].of,
        parameter,
        forward,
        _lines(network)[forward.output.name],
        _arriving(origin),
        tuple(sums[::-1]),
    )


@of_network
def _lines(network: Network) -> dict[str, str]:
    """By forward value, the NumPy program's line for it."""
    lines: dict[str, str] = {}
    for kind in (network.forward, network.loss):
        lines |= lines_of(written(kind.body, numpy_spelling)) if kind else {}
    return lines


def _arriving(origin: Step) -> float | None:
    op = operation(origin.function)
    takes_derivative = op.parameters[:1] == op.function.parameters[:1]
    return origin.inputs[0].literal if takes_derivative else None


def _lead(link: Link, network: Network) -> str:
    if _is_only_way(link, network):
        return f"{link.of.name} reaches the loss only through {link.line}, so its derivative is"
    return f"Through {link.line} the derivative of {link.of.name} gets"


def _is_only_way(link: Link, network: Network) -> bool:
    """Whether nothing else reads the value; a mask takes no more than its shape."""
    readers = [step for step in network.steps if step.function != "dropout_mask"]
    return sum(value.name == link.of.name for step in readers for value in step.inputs) == 1


def _clause(link: Link) -> str:
    template = CLAUSES.get((link.forward.function, link.parameter))
    return _filled(template, link) if template else _carried_back(link)


def _carried_back(link: Link) -> str:
    """What is true of any rule."""
    return f"{link.that}, carried back through {link.forward.function}"


def _filled(template: str, link: Link) -> str:
    parameters = rule(link.forward.function).forward.parameters
    words = {name: str(v) for name, v in zip(parameters, link.forward.inputs, strict=True)}
    words |= _options(link.forward)
    words.setdefault("y", link.out)
    words["that"] = link.that
    words["that_"] = f"the derivative of {link.out}" if link.arriving is None else link.that
    words["by"] = "" if link.arriving == 1 else f", times {link.that}"
    words["mean"] = _of_the_mean(link.forward)
    return template.format_map(words)


def _options(step: Step) -> dict[str, str]:
    """The options of a step as words; `alpha_` is `0.7 * `, and nothing where alpha is 1."""
    words: dict[str, str] = {}
    for name, value in step.attributes:
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        words[name] = f"{value:g}" if is_number else str(value)
        words[name + "_"] = "" if value == 1 else words[name] + " * "
        if name == "exponent" and isinstance(value, int | float):
            lower = f"{value - 1:g}" if value >= 1 else f"({value - 1:g})"
            words["lowered"] = "" if value == 2 else f" ** {lower}"
    return words


def _of_the_mean(loss: Step) -> str:
    reduction = dict(loss.attributes).get("reduction")
    if reduction not in ("mean", "batchmean"):
        return ""
    what = "rows" if reduction == "batchmean" or loss.function in BY_ROW else "elements"
    return f", divided by the number of {what}, of which the mean was taken"


def _summed(link: Link, network: Network) -> str:
    """A value that broadcasting repeated, or that every matrix of a stack used."""
    function, name = link.forward.function, link.of.name
    repeated, those = _repeated_over(link)
    what = "its derivative" if _is_only_way(link, network) else "this part of its derivative"
    if verb := REPEATED.get((function, link.parameter)):
        minus = "minus " if function == "sub" else ""
        that = f" of {link.that}" + "s" * (link.arriving is not None)
        total = f"{minus}the sum{that} over {those}"
        return f"{name} was {verb} {repeated}, so {what} is {total}."
    clause = _clause(link)
    return f"{name} was used for {repeated}, so {what} is {clause}, summed over {those}."


def _repeated_over(link: Link) -> tuple[str, str]:
    """For what broadcasting repeated the value, and what is therefore summed over."""
    full, own = link.sums[0].inputs[0].shape, link.of.shape
    shape = (1,) * (len(full) - len(own)) + own
    if all(size == 1 for size in shape):
        return "every element", "the elements"
    if len(full) > 1 and shape == (*(1,) * (len(full) - 1), full[-1]):
        return "every row" + " of the batch" * (full[:-1] == ("B",)), "the rows"
    if shape == (*(1,) * (len(full) - 2), *full[-2:]):
        return "every matrix of the stack", "the matrices"
    if shape == (*full[:-1], 1):
        return "every column", "the columns"
    return "every place along the axes that it is repeated along", "these axes"


def _simpler(step: Step, link: Link, network: Network) -> str:
    """A derivative that is simpler than the rules' own: two steps undone at once, or a loss whose
    targets are known."""
    loss, because = forward_step(network, step.undoes), step.because
    mean = _of_the_mean(loss).removeprefix(", ")
    tail = (f"; this is {mean}" if mean else "") + _filled("{by}", link)
    if step.function.startswith("+"):
        return f"{_lead(link, network)} {because}{tail}."
    pair = " and ".join(step.function.partition(".")[0].split("+")).replace("_", "-")
    pair = pair.replace("bce", "binary cross-entropy")
    return f"{pair[0].upper()}{pair[1:]} are undone together: {because}{tail}."
