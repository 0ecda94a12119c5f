"""What a prediction is once it is made: columns, records, the log, the counts of a trial."""
