"""Rows and columns of a record on their way to a model's inputs."""
