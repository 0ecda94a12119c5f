"""What talks to the outside: Kafka through confluent-kafka and Faust, the artifact store."""

from __future__ import annotations
