"""Training, gate, detectors and admission policies of Tidemill, pure."""
