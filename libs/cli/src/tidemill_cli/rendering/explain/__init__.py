"""What `tidemill explain` shows."""
