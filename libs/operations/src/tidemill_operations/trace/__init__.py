"""`tidemill trace`: the path of one event over all topics, found by bounded look-ups."""
