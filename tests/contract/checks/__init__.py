"""Checks of the repository itself, as functions over a tree: each gives a list of problems, empty where all
is well.

They are functions so that a test can break each of them once, on a small tree made for it.
"""
