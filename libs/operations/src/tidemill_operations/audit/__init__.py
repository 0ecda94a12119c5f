"""The proof on the topics themselves: read back by origin, counted in bits, exactly once or what is wrong.

| module | what it is |
|---|---|
| `bits` | a set of offsets per partition, one bit each |
| `ledger` | what should be met once against what was met; pure |
| `origins` | positions that record headers name |
| `stable` | waits until no transaction hides what was written |
| `auditor` | reads a model's topics into ledgers |
| `proof` | the result, for people and for programs |
"""
