"""Which artifacts and which versions of training tables anything still refers to."""
