"""Copies of a model's training rows in which nobody is named, for a platform that is only tried on."""
