"""What is said of each key of the model file: its meaning, its default, an example."""
