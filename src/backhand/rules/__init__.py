"""Rules: what each operator computes, forward and backward. This page is where one is added.

    from backhand.rules import example, register, uniform

    def cube(x):
        return x * x * x

    def cube_backward(dy, x):
        return dy * 3 * x * x

    register("cube", cube, cube_backward, wrt="x", torch="x * x * x",
             examples=[example(x=uniform(-2, 2, (3, 4)))])

From then on `cube` can stand in a spec, is differentiated, written out, and checked like any
other. See `examples/own_rule.py`.
"""

from backhand.rules import (  # noqa: F401  (each import registers a family)
    activations,
    angles,
    arithmetic,
    attention,
    axes,
    bags,
    blends,
    buffers,
    by_hand,
    casts,
    choosing,
    classes,
    clipped,
    columns,
    comparisons,
    complex_pairs,
    convolution,
    convolution_transposed,
    dots,
    drawn,
    dropout,
    element_losses,
    elementwise,
    flat,
    indexing,
    joining,
    label_margins,
    label_shares,
    labels,
    limits,
    linear,
    losses,
    makers,
    margins,
    norms,
    ordering,
    padding,
    pooling,
    pooling_adaptive,
    products,
    recurrent,
    reductions,
    regressions,
    reshaping,
    resizing,
    running_norms,
    sampling,
    scattering,
    shapes,
    sizes,
    slicing,
    smooth,
    softmax,
    splitting,
    spreads,
    stopping,
)
from backhand.rules.register import (
    AMBIENT,
    Example,
    Function,
    Rule,
    Sample,
    all_rules,
    example,
    formula_rules,
    register,
    rule,
    truths,
    uniform,
    whole,
)

__all__ = [
    "AMBIENT",
    "Example",
    "Function",
    "Rule",
    "Sample",
    "all_rules",
    "example",
    "formula_rules",
    "register",
    "rule",
    "truths",
    "uniform",
    "whole",
]
