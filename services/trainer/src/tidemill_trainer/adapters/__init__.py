"""Thin adapters: Kafka and MLflow, and nothing that decides."""

from __future__ import annotations
