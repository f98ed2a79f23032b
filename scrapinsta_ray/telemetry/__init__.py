"""What the cluster says of itself: JSON logs (metrics follow)."""
