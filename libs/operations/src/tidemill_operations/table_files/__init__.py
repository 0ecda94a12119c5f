"""Files of training tables: written anew without some of their rows, and what the log says of them."""
