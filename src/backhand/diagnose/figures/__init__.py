"""A diagnosis from final figures alone: which mistake leads to weights like the published ones?

`recipe.py` has an experiment as lines to run, `mistakes.py` the changes that people make to them by
accident, `hypotheses.py` these alone and in pairs. `simulate.py` runs a recipe thousands of times
at once, on arrays of `runs.py`; `simulations.py` keeps them; `cloud.py` says whether figures may be
one more run; `ranking.py` is the whole, `telling.py` its words.
"""

from backhand.diagnose.figures.published import Figures, figures, read_figures
from backhand.diagnose.figures.ranking import Ranking, Standing, explain, rank
from backhand.diagnose.figures.simulations import Simulations

__all__ = [
    "Figures",
    "Ranking",
    "Simulations",
    "Standing",
    "explain",
    "figures",
    "rank",
    "read_figures",
]
