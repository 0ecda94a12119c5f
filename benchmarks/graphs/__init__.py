"""Models of the benchmarks, as the trainer would make them."""
