"""Pure functions: text in, models out. A shape that is not known raises LayoutChanged, and nothing else."""

VERSION = "1"
"""Goes up when a parser reads something differently; stored beside what was read."""
