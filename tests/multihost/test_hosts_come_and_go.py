"""A host is drained, killed, cut off; the head dies: it costs time, and nothing is lost or done twice."""

import time
from collections import Counter
from collections.abc import Collection, Mapping

import pytest

from scrapinsta_ray.domain.models import Task
from scrapinsta_ray.domain.transitions import Report, Verdict
from scrapinsta_ray.settings import Settings
from scrapinsta_ray.store import finish, leases
from scrapinsta_ray.store.finish import Work
from scrapinsta_ray.store.leases import Lease
from tests.multihost.cluster import BOTS, FIRST, HEAD, SECOND, WORKERS, Cluster, until
from tests.multihost.load import Load
from tests.store.history import final

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.timeout(900)]

LEASE_S = Settings.model_fields["lease_ttl_s"].default
ELSEWHERE_S = 150.0


def test_accounts_are_spread_over_the_hosts(a_cluster: Cluster) -> None:
    until(lambda: evenly_spread(a_cluster), 180, "three accounts on each host")


def test_a_drained_host_finishes_what_it_has_and_its_accounts_move(a_cluster: Cluster, a_load: Load) -> None:
    working(a_cluster)
    drained = a_cluster.nodes()["10.88.0.3"]
    drained_at = time.monotonic()
    a_cluster.hosts.run(HEAD, f"{DRAIN} --node-id {drained} --reason-message maintenance")
    seconds = moved(a_cluster, SECOND, drained_at)
    print(f"drained: elsewhere after {seconds:.0f} s")
    assert not a_cluster.hosts.browsers(SECOND)
    assert attempts_lost(a_cluster) == [], "what a worker had in hand is finished, or handed back"
    a_cluster.hosts.run(SECOND, "ray stop")  # as whoever drains a host does in the end
    complete(a_cluster, a_load)
    until(lambda: evenly_spread(a_cluster), 180, "accounts back on the host that joined again")


def test_a_host_that_is_killed_costs_time_alone(a_cluster: Cluster, a_load: Load) -> None:
    working(a_cluster)
    killed_at = time.monotonic()
    a_cluster.hosts.kill(FIRST)
    seconds = moved(a_cluster, FIRST, killed_at)
    print(f"killed: elsewhere after {seconds:.0f} s")
    a_cluster.hosts.boot(FIRST)
    complete(a_cluster, a_load)
    until(lambda: evenly_spread(a_cluster), 240, "accounts back on the host that was started again")


def test_a_host_whose_cable_was_cut_writes_nothing_late(a_cluster: Cluster, a_load: Load) -> None:
    working(a_cluster)
    late = until(lambda: a_cluster.in_hands(SECOND), 60, "a task in the hands of the host", 0.1)
    held = a_cluster.leases(SECOND)
    a_cluster.hosts.cut(SECOND)
    cut_at = time.monotonic()
    try:
        until(lambda: not a_cluster.hosts.browsers(SECOND), LEASE_S, "the end of the zombie's browsers")
        seconds = moved(a_cluster, SECOND, cut_at)
        print(f"cut: elsewhere after {seconds:.0f} s")
        time.sleep(max(0.0, 180 - (time.monotonic() - cut_at)))
    finally:
        a_cluster.hosts.heal(SECOND)
    nothing_late_counts(a_cluster, late, held)
    complete(a_cluster, a_load)
    until(lambda: evenly_spread(a_cluster), 240, "accounts back on the host that was healed")


def test_serve_and_the_fleet_come_back_with_the_head(a_cluster: Cluster, a_load: Load) -> None:
    working(a_cluster)
    others = [a_cluster.hosts.raylet(host) for host in WORKERS]
    began = time.monotonic()
    a_cluster.hosts.kill(HEAD)
    a_cluster.hosts.boot(HEAD)
    a_cluster.up()
    a_cluster.reconnect()
    print(f"head: `ray up` done after {time.monotonic() - began:.0f} s")
    a_cluster.wait_for_everybody()
    print(f"head: everything back after {time.monotonic() - began:.0f} s")
    assert [a_cluster.hosts.raylet(host) for host in WORKERS] == others, "the others waited for it"
    complete(a_cluster, a_load)


DRAIN = "ray drain-node --reason DRAIN_NODE_REASON_PREEMPTION --deadline-remaining-seconds 120"


def working(cluster: Cluster) -> None:
    """Waits until the fleet does tasks on both hosts."""
    cluster.wait_for_everybody()
    until(lambda: all(cluster.in_hands(host) for host in WORKERS), 120, "tasks in hands on both hosts", 0.1)


def attempts_lost(cluster: Cluster) -> list[str]:
    """Tasks that came back because a worker was gone."""
    return [
        f"{row['kind']} of {row['username']}: {row['reason_code']}"
        for row in final(cluster.db).tasks.values()
        if row["reason_code"] in ("worker_failed", "lease_expired")
    ]


def evenly_spread(cluster: Cluster) -> bool:
    return Counter(cluster.places().values()) == {FIRST: 3, SECOND: 3} and cluster.all_at_work()


def moved(cluster: Cluster, gone: int, since: float) -> float:
    """Waits until every account has a browser that works on another host; how long that took `since`, in seconds."""

    def all_elsewhere() -> bool:
        places = cluster.places()
        others = [host for host in WORKERS if host != gone]
        return (
            set(places.values()) == set(others)
            and len(places) == len(BOTS)
            and all(cluster.hosts.browsers(host)[account] for account, host in places.items())
        )

    until(all_elsewhere, since + ELSEWHERE_S - time.monotonic(), "all accounts at work elsewhere")
    return time.monotonic() - since


def nothing_late_counts(cluster: Cluster, late: Mapping[str, Task], held: Collection[Lease]) -> None:
    """What a host may still say under leases of before it was cut off."""
    assert held
    for account, task in late.items():
        for ok, code in ((True, "ok"), (False, "site_fault")):
            work = Work(task, Report(ok, code, lease_id=task.lease_id), account)
            [said] = finish.finish_work(cluster.db, [work], retry_base_s=1)
            assert said.verdict is not Verdict.APPLIED, f"{task.task_id}: {code}"
    assert not [lease for lease in held if leases.renew(cluster.db, lease, 60)]


def complete(cluster: Cluster, load: Load) -> None:
    """Everything ends, and every judge is content."""
    load.end(240)
    assert load.judged() == []
    assert load.incomplete() == []
    orphans = {host: cluster.orphans(host) for host in cluster.hosts.all()}
    assert not any(orphans.values()), orphans
