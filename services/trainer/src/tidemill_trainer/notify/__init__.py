"""*notify*: what the loop does, told to people; kept in SQL until each channel has taken it."""
