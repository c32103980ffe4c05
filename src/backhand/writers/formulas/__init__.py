r"""The third hand: steps as formulas, and a derivative step in words.

    forward_formula(step)             z_1 = x\, w_1
    backward_formula(step, network)   \frac{\partial L}{\partial h} = ... w_2^\top
    in_words(step, network)           h reaches the loss only through z2 = h @ w2, so ...
    mathml(latex)                     for a browser

The formula of a one-line rule is derived from its expression, so it cannot disagree with it.
Where a name, a derivative or a size could be mistaken for another, it is spelled differently.
"""

from backhand.writers.formulas.meanings import meanings
from backhand.writers.formulas.steps import backward_formula, forward_formula, mathml
from backhand.writers.formulas.words import in_words

__all__ = ["backward_formula", "forward_formula", "in_words", "mathml", "meanings"]
