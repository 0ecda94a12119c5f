"""Takes out of a platform what it holds of one entity, and says what cannot be taken out."""
