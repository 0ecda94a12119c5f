"""The demo: a year of flights out of New York through a whole platform, and the proof of what became of them."""
