"""Commands about events, labels and predictions."""
