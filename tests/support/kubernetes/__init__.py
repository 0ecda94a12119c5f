"""Overlays as Kubernetes gets them."""
