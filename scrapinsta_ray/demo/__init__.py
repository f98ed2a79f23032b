"""`scrapinsta demo`: a whole campaign on this machine, through the real architecture, against the simulator."""
