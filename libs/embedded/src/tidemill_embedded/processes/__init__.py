"""Child processes: started, watched, started again, ended together."""
