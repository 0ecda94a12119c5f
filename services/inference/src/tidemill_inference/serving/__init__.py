"""What serves: the pair of a published version and its loaded model."""
