"""Apache Kafka on this machine, from pip."""
