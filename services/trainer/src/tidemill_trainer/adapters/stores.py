"""What the libraries of stores raise, told apart from defects."""

from __future__ import annotations


def of_a_store(error: Exception) -> bool:
    """Whether a library of a store says that the store is full or away: MLflow's, its database's, Delta Lake's."""
    from deltalake.exceptions import DeltaError
    from mlflow.exceptions import MlflowException
    from sqlalchemy.exc import SQLAlchemyError

    return isinstance(error, MlflowException | SQLAlchemyError | DeltaError)
