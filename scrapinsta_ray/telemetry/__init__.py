"""What the cluster says of itself: JSON logs, and what it counts."""
