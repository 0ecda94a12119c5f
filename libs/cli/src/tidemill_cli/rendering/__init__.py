"""What commands show: tables, pages, one letter or plan in full, for people and as JSON."""
