"""The platform on one machine: Apache Kafka from pip, a supervisor, and the services as its children."""
