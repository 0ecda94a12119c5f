"""`tidemill drift`: what moved, what it cost, and what was done about it."""
