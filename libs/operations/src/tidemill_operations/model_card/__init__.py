"""`tidemill models card`: all that is recorded of one version."""
