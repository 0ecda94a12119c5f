"""Predictions by HTTP."""
