"""Servers that tests start for themselves and that end with them, even when the tests are killed."""

from scrapinsta_ray.bench.servers import ServerFailed, fresh_database, private_mariadb, running_simulator
from scrapinsta_ray.processes import free_port

__all__ = ["ServerFailed", "free_port", "fresh_database", "private_mariadb", "running_simulator"]
