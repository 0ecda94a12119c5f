"""The rows that versions are made from: records as rows of a table, events joined to their labels, and the hash that
names them. The trainer reads them from its table and `tidemill models reproduce` from Kafka, both by what stands here.
"""
