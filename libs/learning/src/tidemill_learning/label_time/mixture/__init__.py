"""Several versions that answer as one, by weights that follow the labels."""
