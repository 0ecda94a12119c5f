"""What touches Kafka."""
