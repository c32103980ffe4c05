"""Hypothesis draws the same examples everywhere; BACKHAND_EXAMPLES=2000 draws that many, afresh."""

import os

from hypothesis import HealthCheck, settings

slow_is_fine = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much]
settings.register_profile(
    "ci", derandomize=True, database=None, deadline=None, suppress_health_check=slow_is_fine
)
settings.register_profile("ours", deadline=None, suppress_health_check=slow_is_fine)
settings.load_profile("ours" if "BACKHAND_EXAMPLES" in os.environ else "ci")
