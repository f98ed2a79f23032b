"""Names of the fleet's actors and leases."""

NAMESPACE = "scrapinsta"
DISPATCHER = "dispatcher"
_WORKER = "worker:"


def worker_name(username: str) -> str:
    """The actor of a bot account."""
    return f"{_WORKER}{username}"


def username_of(actor_name: str) -> str | None:
    """The bot account of an actor's name; None if it is no worker's."""
    return actor_name.removeprefix(_WORKER) if actor_name.startswith(_WORKER) else None


def account_lease(username: str) -> str:
    """The lease under which alone a process may act as the account."""
    return f"account:{username}"
