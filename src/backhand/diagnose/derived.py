"""A mistake of the forward pass with the right derivative of it, as autograd takes it.

The catalogue's mistakes of the forward pass leave the backward pass as it should be: that is what
happens in a program with derivatives by hand. One that is differentiated by a library has the
derivative of its mistake. It is taken here by complex steps, which are exact to rounding.
"""

import ast
import copy

import numpy as np

from backhand.diagnose.candidates import changed_functions
from backhand.diagnose.listing import Listing, functions_of
from backhand.diagnose.machine import BACKWARD, Machine
from backhand.diagnose.mistake import Planted
from backhand.diagnose.scene import Scene
from backhand.experiment import Experiment
from backhand.writers import shared

FORWARD, LOSS = "network", "network_loss"
OF_FORWARD, OF_LOSS = "network_of_mistake", "loss_of_mistake"
"""The two under other names: a run watches the calls of the first ones."""
AFTER = frozenset((BACKWARD, "update", "train"))
"""What does not change what a program computes before its derivatives."""
SAME = 1e-9
MOST_NUMBERS = 60
"""A pass is run once for each weight."""
BODY = """
def {name}({arguments}):
    slopes = []
    for i in range(len(weights)):
        slope = np.zeros(weights[i].shape)
        for place in np.ndindex(slope.shape):
            moved = [w.astype(complex) for w in weights]
            moved[i][place] += 1e-30j
            {outputs}, _ = {forward}({inputs}, moved)
            loss = {loss}({given})
            slope[place] = np.imag(loss[0] if isinstance(loss, tuple) else loss) / 1e-30
        slopes.append(slope)
    return tuple(slopes)
"""


def is_exact(machine: Machine, scene: Scene) -> bool:
    """Whether complex steps give the correct program's derivatives: an absolute value in a stable
    formula would lose them."""
    own = with_own_derivative(machine.experiment, Planted((), (), machine.correct))
    if own is None:
        return False
    try:
        with np.errstate(all="ignore"):
            right, found = (machine.run(one, scene) for one in (machine.correct, own.listing))
    except Exception:  # not every operator takes complex numbers
        return False
    return all(np.allclose(found[key], right[key], rtol=SAME, atol=SAME) for key in right)


def with_own_derivative(experiment: Experiment, planted: Planted) -> Planted | None:
    """The program with the derivative of what it computes; None where a mask is drawn, or where
    there are too many weights."""
    numbers = sum(experiment.arrays[v.name].size for v in experiment.network.forward.parameters)
    if experiment.draws or experiment.network.loss is None or numbers > MOST_NUMBERS:
        return None
    listing = planted.listing
    given = ["moved" if n == "weights" else n for n in shared.loss_arguments(experiment)]
    text = BODY.format(
        name=BACKWARD,
        arguments=", ".join(shared.backward_arguments(experiment)),
        outputs=shared.outputs_text(experiment),
        inputs=", ".join(shared.input_names(experiment)),
        forward=OF_FORWARD,
        loss=OF_LOSS,
        given=", ".join(given),
    )
    made = listing.with_function(BACKWARD, functions_of(text)[BACKWARD])
    for own, other in ((FORWARD, OF_FORWARD), (LOSS, OF_LOSS)):
        made = made.with_function(other, _renamed(listing, own, other))
    return Planted(planted.mistakes, planted.places, made)


def _renamed(listing: Listing, own: str, other: str) -> ast.FunctionDef:
    tree = copy.copy(listing.functions[own])
    tree.name = other
    return tree


def computes_otherwise(machine: Machine, planted: Planted) -> bool:
    """Whether a mistake is in what the network or its loss computes, and not in its data."""
    is_of_part = all(mistake.part in ("forward", "loss") for mistake in planted.mistakes)
    return is_of_part and bool(changed_functions(planted.listing, machine.correct) - AFTER)
