"""Training: from labelled rows to a challenger with its evidence. Pure: no clock, no I/O."""
