"""A turn of *profile* that something else comes before."""

from __future__ import annotations


class GivenUp(Exception):
    """Nothing of the turn is written: what another thread asks for comes first."""
