"""What can go wrong in running the platform, in words for the person at the terminal."""

from __future__ import annotations

from tidemill.errors import FatalError


class PlatformError(FatalError):
    """The platform cannot start or cannot go on. The message says why and what to do, in full sentences."""


class StartInterrupted(PlatformError):
    """A person asked to stop while the platform was still starting; it has been taken down."""
