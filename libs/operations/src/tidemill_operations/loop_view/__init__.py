"""The loop as it turns: what `tidemill top` shows, second by second."""
