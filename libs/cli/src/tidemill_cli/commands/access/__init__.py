"""Who may do what: keys of the HTTP interfaces, signing in."""
