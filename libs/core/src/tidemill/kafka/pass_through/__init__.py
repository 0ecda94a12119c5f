"""Client settings of a Kafka that is already there: one description, handed to three client libraries."""

from tidemill.kafka.pass_through.description import ClientSettings, load_client_settings

__all__ = ["ClientSettings", "load_client_settings"]
