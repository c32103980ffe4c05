"""The cloud of weights that a hypothesis leads to, and whether figures may be one of its points.

Three answers of different kinds:

- *Exact constraints.* Directions in which no two runs differ span what a hypothesis cannot leave.
  Figures that are off by more than the rounding of their digits did not come from it.
- *A p-value.* Of the runs that are held back from the fit, the share that lies at least as far out
  as the figures, in Mahalanobis distance along the free directions. If the hypothesis is true, the
  figures are one more such run, so p is below any level a with probability at most a, whatever the
  shape of the cloud (Vovk, Gammerman and Shafer, Algorithmic Learning in a Random World, 2005,
  ch. 4: inductive conformal prediction).
- *Evidence.* The logarithm of the density of the cloud at the figures, the cloud taken as normal
  and the rounding of the digits as independent of it. A narrow cloud is denser, so a hypothesis
  that says more is believed more if it holds.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from backhand.diagnose.figures.published import Figures

SAME = 1e-11
"""A spread below this, relative to the largest weight, is the simulation's own rounding."""


@dataclass(frozen=True)
class Fit:
    """How well figures fit a cloud.

    `excess` is how far they are off what the hypothesis cannot leave, in units of what the rounding
    of the digits allows: above 1 it is ruled out. `free` is the number of free directions.
    """

    p: float
    distance: float
    farthest: float
    """The largest distance of a run that was held back."""
    excess: float
    free: int
    evidence: float


@dataclass(frozen=True)
class Cloud:
    """Final weights of many runs, [runs, numbers]: half are for the fit, half are held back."""

    runs: np.ndarray
    finite: float
    """The share of runs that stayed finite; only those are in `runs`."""

    @property
    def fitted(self) -> np.ndarray:
        return self.runs[::2]

    @property
    def held_back(self) -> np.ndarray:
        return self.runs[1::2]

    @cached_property
    def centre(self) -> np.ndarray:
        middle: np.ndarray = self.fitted.mean(axis=0)
        return middle

    @cached_property
    def directions(self) -> tuple[np.ndarray, np.ndarray]:
        """Free ones, and those in which no two runs differ: orthonormal rows of each."""
        off = self.runs - self.centre
        # of the points themselves: their squares would lose half of the digits
        _, lengths, rows = np.linalg.svd(np.vstack([off, np.zeros((off.shape[1],) * 2)]), False)
        spread = lengths / np.sqrt(len(off))
        free = int(np.sum(spread > SAME * np.abs(self.runs).max()))
        return rows[:free], rows[free:]

    def fit(self, figures: Figures) -> Fit:
        """How well the figures fit."""
        free, fixed = self.directions
        off = figures.numbers - self.centre
        allowed = np.abs(fixed) @ figures.off
        excess = float(np.max(np.abs(fixed @ off) / allowed, initial=0.0))
        distances, distance = self._distances(figures, free)
        above = np.sum(distances >= distance)
        p = self.finite * (1 + above) / (1 + len(distances)) if excess <= 1 else 0.0
        evidence = self.evidence(figures)
        return Fit(float(p), distance, float(distances.max(initial=0.0)), excess, len(free),
                   evidence)  # fmt: skip

    def _distances(self, figures: Figures, free: np.ndarray) -> tuple[np.ndarray, float]:
        """Of the runs that are held back, rounded as the figures are, and of the figures."""
        points = np.vstack([figures.rounded(self.held_back), figures.numbers]) - self.centre
        scaled = np.linalg.solve(self._root(figures, free).T, free @ points.T)
        distances = np.sqrt(np.sum(scaled**2, axis=0))
        return distances[:-1], float(distances[-1])

    def evidence(self, figures: Figures) -> float:
        """The logarithm of the cloud's density at the figures."""
        off = figures.numbers - self.centre
        root = self._root(figures, np.eye(len(off)))
        scaled = np.linalg.solve(root.T, off)
        size = 2 * np.sum(np.log(np.abs(np.diag(root)))) + len(off) * np.log(2 * np.pi)
        return float(np.log(self.finite) - (scaled @ scaled + size) / 2)

    def _root(self, figures: Figures, directions: np.ndarray) -> np.ndarray:
        """R with R'R the covariance along some directions: of the runs that are fitted, and of the
        rounding, which is uniform between -off and off. By QR, which squares nothing."""
        runs = (self.fitted - self.centre) / np.sqrt(len(self.fitted))
        rounding = np.diag(figures.off / np.sqrt(3))
        return np.linalg.qr(np.vstack([runs, rounding]) @ directions.T).R
