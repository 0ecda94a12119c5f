"""`tidemill models reproduce`: makes a version again from what its manifest says, and compares hashes."""
