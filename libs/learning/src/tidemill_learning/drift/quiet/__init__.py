"""Failures that raise no error: what stopped, what meets no longer, what nobody has seen before."""
