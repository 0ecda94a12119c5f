"""How the year gets into the platform: its clock, its stream, its REST clients."""
