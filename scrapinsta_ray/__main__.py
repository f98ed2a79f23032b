"""`python -m scrapinsta_ray` is `scrapinsta`."""

from scrapinsta_ray.cli import main

main()
