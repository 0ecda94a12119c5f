"""A mixture of versions becomes a version: what label time asks for, and how it is made."""
