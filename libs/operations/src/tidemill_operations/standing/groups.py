"""Consumer groups of the platform's workers, by the names that the services give them (prefix excluded)."""

from __future__ import annotations

VALIDATOR = "validator-all"
STREAM = "inference-default"
PROFILE = "drift-profile"
"""Its name begins so; it commits what its open windows still need, so it is never quite at the end."""
