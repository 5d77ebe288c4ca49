"""How many inputs are generated: a few here and there in `make test`, many in `make fuzz`."""

import os
from datetime import timedelta

from hypothesis import HealthCheck, settings

COMMON = {
    "deadline": timedelta(seconds=10),  # a hang
    "suppress_health_check": [HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
    "print_blob": True,
}
settings.register_profile("few", max_examples=15, derandomize=True, database=None, **COMMON)
settings.register_profile("hour", max_examples=int(os.environ.get("EXAMPLES", "2000")), **COMMON)
settings.load_profile("few")
