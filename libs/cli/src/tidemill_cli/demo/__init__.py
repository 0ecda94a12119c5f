"""`tidemill demo`: a year of real flights turns the loop once, and the topics are read back to prove it."""
