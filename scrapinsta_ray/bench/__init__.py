"""Benchmarks, each figure beside its floor: `scrapinsta bench NAME`."""
