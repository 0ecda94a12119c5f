"""What watching costs: profiles of events with twenty features, their predictions and their labels."""
