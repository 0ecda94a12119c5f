"""The flights: prepared, spoilt, shuffled for the control."""
