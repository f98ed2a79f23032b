"""SQL and nothing else: every public function is one short transaction."""
