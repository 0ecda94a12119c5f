"""What would have happened: a stream that is played again in event time, under one policy after the other.

Everything here is pure: a table in, figures out; the clock, for the seconds alone, is given. An event is answered by
what was known when it came, never by what its own label, or a later one, has taught.
"""
