"""Thin adapters: Kafka on one side, the pure core on the other."""
