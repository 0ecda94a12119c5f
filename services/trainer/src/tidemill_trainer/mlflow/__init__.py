"""MLflow as a projection of what the platform does."""
