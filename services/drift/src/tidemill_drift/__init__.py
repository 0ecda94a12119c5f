"""Watches features, predictions and quality, and asks for retraining."""
