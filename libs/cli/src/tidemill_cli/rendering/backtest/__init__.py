"""A backtest for people and programs: a table, one page, JSON."""
