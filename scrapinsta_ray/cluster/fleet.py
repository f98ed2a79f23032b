"""Bringing the fleet up and taking it down: what must exist is created, however often it is asked for."""

import logging
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

import ray
from ray.exceptions import GetTimeoutError, RayActorError, RayError
from ray.util import list_named_actors

from scrapinsta_ray.cluster import names, nodes
from scrapinsta_ray.cluster.dispatcher import Dispatcher
from scrapinsta_ray.cluster.nodes import BROWSER, Carrier
from scrapinsta_ray.cluster.worker import InstagramWorker
from scrapinsta_ray.domain import placement
from scrapinsta_ray.errors import RetryLater
from scrapinsta_ray.store import accounts
from scrapinsta_ray.store.accounts import Account
from scrapinsta_ray.store.database import Database
from scrapinsta_ray.telemetry import through_ray

log = logging.getLogger(__name__)

_for_ever = {"max_restarts": -1, "max_task_retries": 0, "num_cpus": 0}
_DispatcherActor = ray.remote(max_concurrency=4, **_for_ever)(Dispatcher)
_WorkerActor = ray.remote(concurrency_groups={"control": 2}, **_for_ever)(InstagramWorker)


def ensure(db: Database) -> None:
    """A dispatcher, and a worker for every active account; workers of removed accounts end.

    Accounts are spread over the nodes, leave a node that is drained, and move one at a time to a node that joined.
    """
    present = _present()
    if names.DISPATCHER not in present:
        _create(_DispatcherActor, names.DISPATCHER, resources=nodes.on_the_head())
    _tell_browsers()
    known = accounts.everyone(db, acts=False)
    carriers = nodes.carriers()
    missing = [
        account.username
        for account in known
        if account.status == "active" and names.worker_name(account.username) not in present
    ]
    _begin(missing, known, carriers)
    if not missing:
        _move([account for account in known if names.worker_name(account.username) in present], carriers)
    _end_workers(set(filter(None, map(names.username_of, present))) - {account.username for account in known})


def _begin(usernames: Sequence[str], known: Iterable[Account], carriers: Sequence[Carrier]) -> None:
    """New workers, each on the node that has the most room, as far as one is known to have any."""
    needs = nodes.for_a_browser()
    if usernames and not carriers:
        log.warning(
            "no node declares browsers, %s: `ray start --resources='{\"browser\": 4}'` does",
            "for which workers wait" if needs else "so as many run here as there are accounts",
        )
    taken = Counter(_places(known).values())
    for username in usernames:
        host = placement.emptiest([carrier.host for carrier in carriers], taken)
        options = nodes.rather_on(host, carriers)
        new_worker(username, resources=needs, **options).warm_up.remote()
        if host:
            taken[host.name] += 1


def _move(present: Sequence[Account], carriers: Sequence[Carrier]) -> None:
    """Sends away who must leave its node; when nobody must and all have settled, one that would make it more even."""
    hosts = [carrier.host for carrier in carriers]
    places = _places(present)
    movers = placement.leavers(hosts, places)
    if not movers and len(places) == len(present):
        idle = {account.username for account in present if account.task_id is None}
        movers = {one for one in [placement.one_too_many(hosts, places, idle)] if one}
    for account in present:
        if account.username in movers:
            _send_away(account)


_sent_away: dict[str, str | None] = {}
"""By account: the holder of its lease that was told to leave, so that it is told once."""


def _send_away(account: Account) -> None:
    """Its worker ends when its task is finished or handed back; the next round begins one elsewhere."""
    if _sent_away.get(account.username) == account.worker:
        return
    try:
        worker = ray.get_actor(names.worker_name(account.username), names.NAMESPACE)
    except ValueError:
        return
    log.info("%s moves to another node", account.username)
    _sent_away[account.username] = account.worker
    worker.hand_back.remote()
    worker.leave.remote()


def _places(known: Iterable[Account]) -> dict[str, str]:
    """On which host, by its name, the account's lease is held."""
    return {account.username: account.worker.partition(":")[0] for account in known if account.worker}


def new_worker(username: str, **options: Any) -> Any:
    """The actor of a bot account, which begins when no other process can be that account."""
    return _create(_WorkerActor, names.worker_name(username), username, True, **options)


def stop(limit_s: float = 20) -> None:
    """Takes the fleet down: the dispatcher first, then the workers, each with its browser closed."""
    present = _present()
    if names.DISPATCHER in present:
        _call(names.DISPATCHER, "stop", limit_s, limit_s * 0.8)
        _kill(names.DISPATCHER)
    _end_workers(filter(None, map(names.username_of, present)), limit_s)


def screenshot(username: str, limit_s: float = 30) -> bytes:
    """What the account's browser shows now, as PNG, while it works.

    Raises RetryLater when the account has no worker or no browser, or does not answer in time.
    """
    try:
        worker = ray.get_actor(names.worker_name(username), names.NAMESPACE)
        shot: bytes = ray.get(worker.screenshot.remote(), timeout=limit_s)
    except ValueError:
        raise RetryLater(
            f"{username} has no worker: `scrapinsta accounts list` says how it is.", reason="no_worker"
        ) from None
    except (RayActorError, GetTimeoutError) as error:
        raise RetryLater(f"The worker of {username} does not answer.", reason="no_answer") from error
    return shot


def _present() -> set[str]:
    return {
        actor["name"]
        for actor in list_named_actors(all_namespaces=True)
        if actor["namespace"] == names.NAMESPACE
    }


def _create(kind: Any, name: str, *arguments: Any, **options: Any) -> Any:
    log.info("starting %s", name)
    return kind.options(
        name=name, namespace=names.NAMESPACE, lifetime="detached", get_if_exists=True, **options
    ).remote(*arguments)


def _tell_browsers() -> None:
    """What the nodes declare, and how much of it no worker has taken."""
    for state, found in (("total", ray.cluster_resources()), ("free", ray.available_resources())):
        through_ray.tell("browsers", found.get(BROWSER, 0.0), state=state)


def _end_workers(usernames: Iterable[str], limit_s: float = 10) -> None:
    workers = [names.worker_name(username) for username in usernames]
    pending = [ref for ref in map(_close, workers) if ref is not None]
    if pending:
        ray.wait(pending, num_returns=len(pending), timeout=limit_s)
    for worker in workers:
        _kill(worker)


def _close(name: str) -> Any:
    try:
        return ray.get_actor(name, names.NAMESPACE).close.remote()
    except ValueError:
        return None


def _call(name: str, method: str, limit_s: float, *arguments: Any) -> None:
    try:
        actor = ray.get_actor(name, names.NAMESPACE)
        ray.get(getattr(actor, method).remote(*arguments), timeout=limit_s)
    except (ValueError, RayActorError):
        log.info("%s was gone already", name)
    except RayError:
        log.warning("%s did not answer %s in time", name, method)


def _kill(name: str) -> None:
    try:
        ray.kill(ray.get_actor(name, names.NAMESPACE), no_restart=True)
    except ValueError:
        return
