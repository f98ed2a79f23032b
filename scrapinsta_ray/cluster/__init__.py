"""The fleet on Ray: dispatcher, workers, scoring. Thin shells over store, instagram and domain."""
