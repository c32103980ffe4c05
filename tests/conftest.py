"""Hypothesis draws the same examples everywhere; BACKHAND_EXAMPLES=2000 draws that many, afresh.

PyTorch gets one thread: the workers of pytest-xdist fill the cores, and the threads of several
PyTorches that wait for each other over arrays of ten numbers take ten times as long.
"""

import os

from hypothesis import HealthCheck, settings

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before torch is imported

slow_is_fine = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much]
settings.register_profile(
    "ci", derandomize=True, database=None, deadline=None, suppress_health_check=slow_is_fine
)
settings.register_profile("ours", deadline=None, suppress_health_check=slow_is_fine)
settings.load_profile("ours" if "BACKHAND_EXAMPLES" in os.environ else "ci")
