"""What Kubernetes is told, held against what the code says."""
