"""From the records of one partition to profiles of its windows: the map half."""
