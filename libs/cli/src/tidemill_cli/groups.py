"""Consumer groups of the platform's workers, by the names that the services give them."""

from __future__ import annotations

VALIDATOR = "validator"
STREAM = "stream"
PROFILE = "profile"
DETECT = "detect"
ALL = (VALIDATOR, STREAM, PROFILE, DETECT)
