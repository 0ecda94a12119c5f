"""Contracts, codec, exactly-once Kafka runtime and telemetry of Tidemill."""

import os

__version__ = "0.1.0"  # of every distribution of ours: they are released together, and pin each other

# ONNX Runtime reports its use to its maker from the moment it is imported, MLflow's client from its first call, unless
# they are told not to. A platform in somebody's network sends out nothing that was not asked for; who wants it says so.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
