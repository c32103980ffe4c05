"""The names that written programs use for themselves, and nobody else may."""

import builtins
import keyword
from functools import cache

from backhand.rules.register import Function, all_rules

PROGRAM_NAMES = frozenset(
    {"np", "torch", "F", "network", "network_loss", "network_backward", "train", "update", "main"}
    | {"data", "initial_weights", "weights", "gradients", "saved", "saved_by_loss", "generator"}
    | {"training", "loss", "PRECISION", "BESIDE", "ARRAYS", "arrays", "number"}
)

TRAINING_NAMES = frozenset(
    {"seed", "epochs", "epoch", "step", "state", "losses", "optimizer", "w", "dw"}
)
"""Used in the functions that see inputs and targets by name, but weights only as a whole."""


MODULE_NAMES = frozenset(
    {"argparse", "sys", "load", "parameters", "load_data", "stop", "SHAPES", "BadZipFile"}
    | {"predict", "compared", "check", "inside", "under"}
    | {"add_to", "only", "clipped", "new_state", "learning_rate", "momentum", "beta1", "gradients"}
    | {"p", "dp", "i", "network", "network_backward", "network_loss", "network_loss_backward"}
    | {"network_evaluated", "update", "train", "main", "ARRAYS", "saved", "saved_by_loss", "rows"}
)
"""Functions of a module's program: what is called after the user's classes is called otherwise."""

COMMAND_NAMES = TRAINING_NAMES | frozenset(
    {"arrays", "batch", "rows", "order", "first", "means", "given", "found", "theirs", "agree"}
)
"""What its command says beside the names of inputs and outputs."""


def is_reserved(name: str) -> bool:
    """Whether a program uses this name, or Python does, or an operator has it."""
    functions = _function_names(len(all_rules()))
    own = name in PROGRAM_NAMES or name in functions
    return own or hasattr(builtins, name) or keyword.iskeyword(name)


def is_operator(name: str) -> bool:
    """Whether Python or a function that programs call has this name: all that a module's functions
    must not hide."""
    functions = _called_names(len(all_rules()))
    return name == "np" or name in functions or hasattr(builtins, name) or keyword.iskeyword(name)


@cache
def _called_names(_registered: int) -> frozenset[str]:
    """Names of the functions that a program may call: those of one expression are written into the
    lines that use them, so that `cos` may be a value."""
    names = {"dropout_mask", "erf"}
    waiting: list[Function] = []
    for known in all_rules().values():
        own = [known.forward, *([known.backward] if known.backward else [])]
        names |= {function.name for function in own if len(function.expressions) != 1}
        waiting += [helper for function in own for helper in function.helpers]
    while waiting:
        helper = waiting.pop()
        waiting += [] if helper.name in names else helper.helpers
        names.add(helper.name)
    return frozenset(names)


@cache
def _function_names(_registered: int) -> frozenset[str]:
    """Names of all functions of the register; kept for as long as no rule is added."""
    names: set[str] = set()
    for known in all_rules().values():
        functions = [known.forward, *([known.backward] if known.backward else [])]
        helpers = [helper for function in functions for helper in function.helpers]
        names |= {known.name, *(function.name for function in (*functions, *helpers))}
    return frozenset(names | {"dropout_mask", "erf"})
