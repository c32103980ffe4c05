"""Updates: how a weight is changed, in place, from its derivative. As `torch.optim` does it.

An update's first two parameters are the weight and its derivative, then come the arrays it keeps
from step to step and, last, `step`, which counts from 1, where it needs it. Keyword-only
parameters are the options; those that are 0 or False vanish from the written text. What depends on
`step` alone stands first: it is written before the loop over the weights.

Formulas are those of torch/optim/*.py in 2.13, each `_single_tensor_...`, which
https://docs.pytorch.org/docs/2.13/optim.html describes, one page for each optimiser.
"""

from backhand.rules.updates.descent import asgd, everywhere_learning_rate, rprop, sgd
from backhand.rules.updates.moments import adam, adamax, adamw, nadam, radam
from backhand.rules.updates.record import Limit, Update, update
from backhand.rules.updates.squares import adadelta, adagrad, everywhere_initial_value, rmsprop

__all__ = ["UPDATES", "Limit", "Update"]

_MOMENTS = {"m": "exp_avg", "v": "exp_avg_sq"}

_EVERY = (
    update(sgd, "SGD", {"velocity": "momentum_buffer"}),
    update(adam, "Adam", {**_MOMENTS, "v_max": "max_exp_avg_sq"}),
    update(adamw, "AdamW", {**_MOMENTS, "v_max": "max_exp_avg_sq"}),
    update(rmsprop, "RMSprop",
           {"v": "square_avg", "mean": "grad_avg", "velocity": "momentum_buffer"}),
    update(adagrad, "Adagrad", {"total": "sum"}, total=everywhere_initial_value),
    update(adadelta, "Adadelta", {"v": "square_avg", "u": "acc_delta"}),
    update(adamax, "Adamax", {"m": "exp_avg", "u": "exp_inf"}),
    update(nadam, "NAdam", _MOMENTS),
    update(radam, "RAdam", _MOMENTS),
    update(asgd, "ASGD", {"average": "ax"}),
    update(rprop, "Rprop", {"before": "prev", "step_size": "step_size"},
           step_size=everywhere_learning_rate),
)  # fmt: skip
UPDATES = {u.name: u for u in _EVERY}
