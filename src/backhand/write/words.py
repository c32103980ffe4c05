"""The chain rule in words: one sentence for each step of a backward pass.

Sentences are made from the step's own structure: which value, through which line, summed over
what. What a rule does to a derivative stands in the tables below; a rule that is not in them
gets a sentence that is true of any rule.
"""

import re
from dataclasses import dataclass

from backhand.graph import Network, Step, Value
from backhand.rules.register import rule
from backhand.write.lines import numpy_spelling, written
from backhand.write.meanings import (
    Derivative,
    Meanings,
    forward_step,
    is_fan_in,
    is_sum,
    meanings,
    parameters_of,
    undone_step,
)

CLAUSES = {
    ("matmul", "a"): "{that} times the transpose of {b}",
    ("matmul", "b"): "the transpose of {a} times {that}",
    ("affine", "x"): "{that} times the transpose of {w}",
    ("affine", "w"): "the transpose of {x} times {that}",
    ("affine", "b"): "{that}, unchanged",
    ("linear", "x"): "{that} times {w}, which is stored transposed",
    ("linear", "w"): "the transpose of {that}, times {x}, because {w} is stored transposed",
    ("linear", "b"): "{that}, unchanged",
    ("add", "a"): "{that}, unchanged",
    ("add", "b"): "{that}, unchanged",
    ("sub", "a"): "{that}, unchanged",
    ("sub", "b"): "{that} with the opposite sign",
    ("neg", "x"): "{that} with the opposite sign",
    ("mul", "a"): "{that} times {b}",
    ("mul", "b"): "{that} times {a}",
    ("div", "a"): "{that} divided by {b}",
    ("div", "b"): "{that} times -{y} / {b}",
    ("pow", "x"): "{that} times {exponent} * {x} ** ({exponent} - 1)",
    ("power", "a"): "{that} times {b} * {a} ** ({b} - 1)",
    ("power", "b"): "{that} times {y} times the logarithm of {a}",
    ("exp", "x"): "{that} times {y}, because the exponential is its own derivative",
    ("log", "x"): "{that} divided by {x}",
    ("sqrt", "x"): "{that} divided by twice {y}",
    ("tanh", "x"): "{that} times 1 - {y} * {y}: where {y} is near -1 or 1, little is left",
    ("sigmoid", "x"): "{that} times {y} * (1 - {y}): where {y} is near 0 or 1, little is left",
    ("cross_entropy", "p"): "{times}-{y} / {p}{mean}",
    ("cross_entropy_logits", "z"): (
        "{times}softmax({z}), times the sum of each row of {y}, minus {y}{mean}"
    ),
    ("mse", "p"): "{times}2 * ({p} - {y}){mean}",
    ("bce", "p"): "{times}({p} - {y}) / ({p} * (1 - {p})){mean}",
    ("bce_logits", "z"): "{times}sigmoid({z}) - {y}{mean}",
}
"""By rule and parameter: what the derivative is, after `so its derivative is`. The names are the
rule's own; `that` is `that of` the result; `y` is the result where the rule takes no `y`."""

SENTENCES = {
    "relu": "Where {x} is above 0 ReLU passes the derivative on; elsewhere it is 0.",
    "leaky_relu": (
        "Where {x} is above 0 leaky ReLU passes the derivative on; elsewhere {slope} times it."
    ),
    "elu": (
        "Where {x} is above 0 ELU passes the derivative on; elsewhere it is multiplied by "
        "{alpha} * exp({x})."
    ),
    "silu": "SiLU is curved: {that_} is multiplied by its slope at each element of {x}.",
    "gelu": "GELU is curved: {that_} is multiplied by its slope at each element of {x}.",
    "gelu_tanh": "GELU is curved: {that_} is multiplied by its slope at each element of {x}.",
    "softplus": (
        "The slope of softplus is sigmoid({x}), which {that_} is multiplied by; above 20 it is 1."
    ),
    "dropout": (
        "Dropout multiplied {x} by {mask}, so the derivative is multiplied by the same {mask}: "
        "a unit that was dropped gets none."
    ),
    "softmax": (
        "The outputs of a softmax share a sum of 1, so what counts is how far {that_} lies above "
        "its average, weighted with {y}; that, times {y}, is the derivative of {x}."
    ),
    "log_softmax": (
        "Raising one element of {x} lowers all outputs together: from {that_} its sum is taken "
        "off, shared out by the probabilities exp({y})."
    ),
    "sum": "Every element of {x} went into {y} as it is, so each gets {that_}, unchanged.",
    "mean": (
        "Every element of {x} went into the mean {y} with the same weight, so each gets the same "
        "share of {that_}."
    ),
    "max": "Only the largest of {x} reaches {y}, so it alone gets {that_}; equal ones share it.",
}
"""By rule: the whole sentence; `that_` is `the derivative of` the result."""

ADDED = {"a": "added to", "b": "added to"}
REPEATED = {
    "add": ADDED,
    "affine": ADDED,
    "linear": ADDED,
    "sub": {"b": "subtracted from"},
}
"""What a rule does with an operand that broadcasting repeats, where it is no more than that."""


@dataclass(frozen=True)
class Link:
    """One link of the chain: the derivative of `derivative.of` through the step `forward`."""

    derivative: Derivative
    parameter: str
    forward: Step
    origin: Step
    sums: tuple[Step, ...]

    @property
    def name(self) -> str:
        return self.derivative.of.name

    @property
    def out(self) -> str:
        return self.forward.output.name


def in_words(step: Step, network: Network) -> str:
    """What a backward step does, in one sentence; empty for a step in another's line."""
    if all(value.is_nameless for value in step.made()):
        return ""
    if is_fan_in(step):
        return f"{step.because}."
    known = meanings(network)
    if "+" in step.function:
        return _pair(step, network, known)
    links = [_link(step, value, known, network) for value in step.made()]
    if len(links) > 1:
        return _several(links, step)
    (link,) = links
    if link.sums:
        return _summed(link, network)
    sentence = SENTENCES.get(link.forward.function)
    if sentence:
        return _filled(sentence, link)
    return f"{_lead(link, network)} {_clause(link)}."


def _link(step: Step, value: Value, known: Meanings, network: Network) -> Link:
    assert network.backward is not None
    origin = known.origins[value.name]
    made = {v.name: s for s in network.backward.body for v in s.made()}
    sums = []
    while is_sum(step):
        sums.append(step)
        step = made[step.inputs[0].name]
        value = next(v for v in step.made() if v.name == sums[-1].inputs[0].name)
    by_name = zip(origin.outputs, parameters_of(origin, network), strict=True)
    (parameter,) = [p for out, p in by_name if out is not None and out.name == value.name]
    derivative = known.derivatives[value.name]
    return Link(derivative, parameter, undone_step(origin, network), origin, tuple(sums[::-1]))


def _line(forward: Step) -> str:
    """The forward line as the NumPy program has it."""
    (found,) = written([forward], numpy_spelling)
    return found.line.code if found.line else forward.output.name


def _lead(link: Link, network: Network) -> str:
    line = _line(link.forward)
    if _is_only_way(link, network):
        return f"{link.name} reaches the loss only through {line}, so its derivative is"
    return f"Through {line} the derivative of {link.name} gets"


def _is_only_way(link: Link, network: Network) -> bool:
    """Whether nothing else reads the value; a mask takes only its shape."""
    readers = [s for s in network.steps if s.function != "dropout_mask"]
    return sum(v.name == link.name for s in readers for v in s.inputs) == 1


def _clause(link: Link) -> str:
    template = CLAUSES.get((link.forward.function, link.parameter))
    if template:
        return _filled(template, link)
    return f"{_that(link)} carried back through {link.forward.function}"


def _is_loss(link: Link) -> bool:
    """Whether the step makes the loss itself, whose derivative is 1."""
    return any(value.literal == 1 for value in link.origin.inputs[:1])


def _that(link: Link) -> str:
    return "1" if _is_loss(link) else f"that of {link.out}"


def _filled(template: str, link: Link) -> str:
    parameters = rule(link.forward.function).forward.parameters
    words = {name: str(v) for name, v in zip(parameters, link.forward.inputs, strict=True)}
    attributes = dict(link.forward.attributes)
    words |= {name: str(value) for name, value in attributes.items()}
    words.setdefault("y", link.out)
    words["that"] = _that(link)
    words["that_"] = "1" if _is_loss(link) else f"the derivative of {link.out}"
    words["times"] = "" if _is_loss(link) else f"{_that(link)} times "
    words["mean"] = _of_the_mean(link.forward)
    return template.format_map(words).replace("1 times ", "")


def _of_the_mean(loss: Step) -> str:
    if dict(loss.attributes).get("reduction") != "mean":
        return ""
    what = "rows" if loss.function.startswith("cross_entropy") else "elements"
    return f", divided by the number of {what} for the mean"


def _summed(link: Link, network: Network) -> str:
    """A value that broadcasting repeated, or that every matrix of a stack used."""
    repeated = _repeated_over(link)
    rule_name = link.forward.function
    verb = REPEATED.get(rule_name, {}).get(link.parameter)
    if verb:
        minus = "minus " if rule_name == "sub" else ""
        that = "" if _is_loss(link) else f" of {_that(link)}"
        sum_of = f"{minus}the sum{that} over {_plural(repeated)}"
        return f"{link.name} was {verb} {repeated}, so its derivative is {sum_of}."
    clause = _clause(link)
    tail = f"summed over {_plural(repeated)}"
    return f"{link.name} was used for {repeated}, so its derivative is {clause}, {tail}."


def _repeated_over(link: Link) -> str:
    before = link.sums[0].inputs[0].shape
    if not link.derivative.of.shape:
        return "every element"
    axes = [dict(s.attributes)["axis"] for s in link.sums]
    if len(before) == 2 and axes == [0]:
        return "every row of the batch" if before[0] == "B" else "every row"
    if len(before) == 2 and axes == [1]:
        return "every column"
    return "every place along the axes that it lacks"


def _plural(repeated: str) -> str:
    return {
        "every element": "the elements",
        "every row of the batch": "the rows",
        "every row": "the rows",
        "every column": "the columns",
    }.get(repeated, "these axes")


def _several(links: list[Link], step: Step) -> str:
    names = " and ".join(link.name for link in links)
    return (
        f"The derivatives of {names} are {_that(links[0])}, "
        f"carried back through {links[0].forward.function}."
    )


def _pair(step: Step, network: Network, known: Meanings) -> str:
    """Two steps undone at once; the reason speaks of p and y, which have names here."""
    loss = forward_step(network, step.undoes)
    prediction, target = loss.inputs[:2]
    names = {"p": str(prediction), "y": str(target)}
    because = re.sub(r"\b[py]\b", lambda found: names[found[0]], step.because)
    first, _, second = step.function.partition(".")[0].partition("+")
    factor = "" if step.inputs[0].literal == 1 else f", times the derivative of {loss.output}"
    words = f"{first} and {second}".replace("_", " ").replace("bce", "binary cross-entropy")
    words = words.replace("cross entropy", "cross-entropy")
    mean = _of_the_mean(loss).removeprefix(", ")
    mean = f"; it is {mean}" if mean else ""
    return f"{words[0].upper()}{words[1:]} are undone together: {because}{factor}{mean}."
