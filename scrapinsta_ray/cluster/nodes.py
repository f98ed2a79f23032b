"""Ray's nodes as hosts for browsers."""

from collections.abc import Container, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import ray
from ray._private.state import state
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from scrapinsta_ray.domain.placement import Host

BROWSER = "browser"
"""The resource by which a node says how many browsers it carries."""

NO_BROWSERS = "no_browsers"
"""The resource by which the head of a cluster says that browsers wait for other hosts to join."""

_HEAD = "node:__internal_head__"


@dataclass(frozen=True, slots=True)
class Carrier:
    """A host that carries browsers, by its name as holders of leases are, and the id of its node."""

    host: Host
    node: str


def carriers() -> list[Carrier]:
    """The hosts that carry browsers; those whose node is being drained are leaving.

    Nodes on one machine are one host, which leaves when they all do.
    """
    draining = state.get_draining_nodes()
    by_name: dict[str, list[dict[str, Any]]] = {}
    for node in ray.nodes():
        if node["Alive"] and BROWSER in node["Resources"]:
            by_name.setdefault(node["NodeManagerHostname"], []).append(node)
    return [_carrier(name, nodes, draining) for name, nodes in by_name.items()]


def _carrier(name: str, nodes: Sequence[dict[str, Any]], draining: Container[str]) -> Carrier:
    staying = [node for node in nodes if node["NodeID"] not in draining]
    browsers = sum(node["Resources"][BROWSER] for node in staying)
    return Carrier(Host(name, browsers, leaving=not staying), (staying or nodes)[0]["NodeID"])


def for_a_browser() -> dict[str, float]:
    """What a worker takes of its node: nothing on a machine by itself that declares nothing (`serve run` alone)."""
    declared = ray.cluster_resources()
    return {BROWSER: 1.0} if BROWSER in declared or NO_BROWSERS in declared else {}


def rather_on(host: Host | None, of: Iterable[Carrier]) -> dict[str, Any]:
    """Options of an actor that should be on `host`, and elsewhere if that cannot be."""
    found = next((carrier.node for carrier in of if carrier.host == host), None)
    if found is None:
        return {}
    return {"scheduling_strategy": NodeAffinitySchedulingStrategy(found, soft=True)}


def on_the_head() -> dict[str, float]:
    """What keeps an actor on the head, which is not drained while there is a cluster."""
    return {_HEAD: 0.001}
