"""What loads a service under measurement, and what its answers are held to."""
