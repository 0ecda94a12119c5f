"""Files of rows: CSV, JSON lines, Parquet, chunk by chunk with the line of every row."""
