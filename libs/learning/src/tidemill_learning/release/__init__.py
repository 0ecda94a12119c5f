"""When a challenger takes over: pure policy over counts and scores, without clock, topics or I/O."""
