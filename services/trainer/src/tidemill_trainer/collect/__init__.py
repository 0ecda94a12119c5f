"""Clean rows, labels and REST inputs into the training table."""
