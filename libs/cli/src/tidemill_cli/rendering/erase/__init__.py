"""What came of an erasure, for a person."""
