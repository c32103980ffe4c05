"""Schedules: what a learning rate is at a step, counted from 1. As `torch.optim.lr_scheduler` does.

A schedule takes the step, and keyword-only numbers; those are filled in. PyTorch makes most rates
from the one before; here is each the formula that the recursion is of, so the two differ by the
roundings of the recursion. Formulas are those of torch/optim/lr_scheduler.py in 2.13, each
`_get_closed_form_lr` where there is one, with last_epoch = step - 1, for PyTorch counts from 0.
"""

import numpy as np

from backhand.rules.register import Function


def constant_rate(step, *, initial, factor, length):
    """torch.optim.lr_scheduler.ConstantLR."""
    return initial * factor if step <= length else initial


def linear_rate(step, *, initial, first, last, length):
    """torch.optim.lr_scheduler.LinearLR."""
    done = min(step - 1, length) / length
    return initial * (first + (last - first) * done)


def exponential_rate(step, *, initial, gamma):
    """torch.optim.lr_scheduler.ExponentialLR."""
    return initial * gamma ** (step - 1)


def step_rate(step, *, initial, gamma, length):
    """torch.optim.lr_scheduler.StepLR."""
    return initial * gamma ** ((step - 1) // length)


def milestone_rate(step, *, initial, gamma, milestones):
    """torch.optim.lr_scheduler.MultiStepLR."""
    passed = sum(step > milestone for milestone in milestones)
    return initial * gamma**passed


def polynomial_rate(step, *, initial, power, length):
    """torch.optim.lr_scheduler.PolynomialLR."""
    left = 1 - min(step - 1, length) / length
    return initial * left**power


def cosine_rate(step, *, initial, lowest, length):
    """torch.optim.lr_scheduler.CosineAnnealingLR; Loshchilov and Hutter, SGDR, ICLR 2017
    (arXiv:1608.03983), without restarts."""
    height = float(1 + np.cos(np.pi * (step - 1) / length)) / 2
    if lowest:
        return lowest + (initial - lowest) * height
    else:
        return initial * height


def cosine_restarts_rate(step, *, initial, lowest, length, growth):
    """torch.optim.lr_scheduler.CosineAnnealingWarmRestarts; Loshchilov and Hutter, SGDR, ICLR 2017
    (arXiv:1608.03983)."""
    done, part = step - 1, length
    while done >= part:
        done, part = done - part, part * growth
    height = float(1 + np.cos(np.pi * done / part)) / 2
    if lowest:
        return lowest + (initial - lowest) * height
    else:
        return initial * height


def one_cycle(step, *, turns, values, linear):
    """torch.optim.lr_scheduler.OneCycleLR; Smith and Topin, Super-convergence, 2017
    (arXiv:1708.07120). From one of `values` to the next between two of `turns`."""
    # phases end after these steps, with these values
    ends = turns
    reached = values
    if step - 2 > ends[-1]:
        raise ValueError(f"this schedule ends after {ends[-1] + 1} steps")
    phase = int(np.searchsorted(ends[1:-1], step - 1))
    start, stop = reached[phase : phase + 2]
    part = (step - 1 - ends[phase]) / (ends[phase + 1] - ends[phase])
    if linear:
        return start + (stop - start) * part
    else:
        return stop + (start - stop) * float(1 + np.cos(np.pi * part)) / 2


def cycle(step, *, start, stop, up, down, halving, gamma):
    """torch.optim.lr_scheduler.CyclicLR; Smith, Cyclical learning rates, WACV 2017
    (arXiv:1506.01186)."""
    done = (step - 1) % (up + down)
    height = done / up if done <= up else (up + down - done) / down
    if halving:
        height = height / 2 ** ((step - 1) // (up + down))
    if gamma != 1:
        height = height * gamma ** (step - 1)
    return start + (stop - start) * height


_EVERY = (
    constant_rate, linear_rate, exponential_rate, step_rate, milestone_rate, polynomial_rate,
    cosine_rate, cosine_restarts_rate, one_cycle, cycle,
)  # fmt: skip
SCHEDULES = {f.__name__: Function(f.__name__, f) for f in _EVERY}
