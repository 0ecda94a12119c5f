"""Python's regular expressions and SQL's LIKE, found in time that is linear in the text, by RE2.

| module | what it is |
|---|---|
| `linear` | `Pattern`, `regex` and `like`: compiled patterns, and what they bound |
| `translate` | a pattern of Python's as one of RE2's that finds the same |
| `characters` | sets of characters, as Python's engine has them |
"""
