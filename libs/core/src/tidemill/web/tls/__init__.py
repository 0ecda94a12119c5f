"""TLS of every HTTP door of ours: a certificate and its key from files, taken up anew while the process runs."""
