"""Label time: labelled rows in the order in which their labels became known, and what follows from each.

Everything here is pure and a function of that order alone, so a stream that is played again, live or in a backtest,
leads to the same alarms, fits and releases.
"""
