"""The Kafka runtime. Import from its modules; the package itself needs no Kafka client.

| module | what it is |
|---|---|
| `batch` | `Batch` (records in, as columns) and `Output` (records out) |
| `worker` | `Worker`: what the exactly-once loop asks of a service's logic, and promises to it |
| `headers`, `dead_letters` | names and values of record headers |
| `client.clients` | configurations of consumers, producers and the admin client |
| `client.topics` | creating and checking topics |
| `runtime.runner` | `TransactionalRunner`: consume-transform-produce, exactly once |
| `runtime.transaction`, `partitions.assignment` | its parts: transaction, partitions held |
| `client.publisher` | `Publisher`: acknowledged means stored; `ExclusiveWriter`: one writer, in transactions |
| `client.broadcast` | `BroadcastReader`: a whole compacted topic, without a group |
| `client.scan` | a bounded read of a topic, for audits and the command line |
"""
