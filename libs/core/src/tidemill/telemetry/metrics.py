"""Skeleton: small helpers for metrics."""
