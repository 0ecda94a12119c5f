"""JSON to Avro data, strictly typed."""
