"""Settings of all tests: hypothesis draws few examples by default, many with KEEPCLEAR_TESTS=thorough."""

import os

from hypothesis import HealthCheck, settings

_CHECKS = [HealthCheck.too_slow, HealthCheck.data_too_large]
settings.register_profile(
    "quick", max_examples=50, deadline=None, suppress_health_check=_CHECKS, derandomize=True
)
settings.register_profile("thorough", max_examples=1000, deadline=None, suppress_health_check=_CHECKS)
settings.load_profile(os.environ.get("KEEPCLEAR_TESTS", "quick"))
