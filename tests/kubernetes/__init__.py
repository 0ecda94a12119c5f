"""Tidemill on a real Kubernetes API with the real KEDA: `make k8s`, `make k8s-test`. Not part of `make test`."""
