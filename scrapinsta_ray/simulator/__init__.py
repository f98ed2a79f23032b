"""A local web site that behaves like Instagram's pages, for tests and the demo. It is reached by URL alone."""
