"""Champion and challenger on the same traffic."""
