"""A platform out of a backup."""
