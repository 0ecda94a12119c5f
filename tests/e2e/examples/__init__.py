"""The examples that ship, tried as their documents say."""
