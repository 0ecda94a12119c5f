"""`tidemill explain`: one prediction, from its bytes to the share that each feature has in it."""
