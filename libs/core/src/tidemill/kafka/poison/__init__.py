"""Records on which a worker fails: found among the others, and set aside."""
