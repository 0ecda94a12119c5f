"""What the libraries of stores raise, told apart from defects."""

from __future__ import annotations


def of_a_store(error: Exception) -> bool:
    """Whether a library of a store says that the store is full or away: Delta Lake's. MLflow
    is never waited for."""
    from deltalake.exceptions import DeltaError

    return isinstance(error, DeltaError)
