"""What a run has come to: topics read back, audited, scored, summed up."""
