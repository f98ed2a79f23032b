"""`python -m scrapinsta_ray.simulator`: the site on a port of this machine."""

import argparse
import sys
from collections.abc import Sequence
from datetime import UTC, datetime

from scrapinsta_ray.simulator.app import make_app
from scrapinsta_ray.simulator.population import make_population
from scrapinsta_ray.simulator.server import PortTaken, listen, run, tell_when_parent_dies


def _moment(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="simulator", description="A local site that behaves like Instagram."
    )
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--population", type=int, default=2000, help="how many people there are")
    parser.add_argument("--now", type=_moment, help="when the posts are dated back from; default: today")
    parser.add_argument("--parent-watch", action="store_true", help="end when the starting process is gone")
    return parser.parse_args(argv)


def main(argv: Sequence[str] | None = None) -> int:
    """Serve until SIGTERM or SIGINT; 0 then, 2 when the port is taken."""
    asked = _arguments(argv)
    parent = tell_when_parent_dies() if asked.parent_watch else None
    try:
        sock = listen(asked.host, asked.port)
    except PortTaken as error:
        print(f"simulator: {error}", file=sys.stderr)
        return 2
    run(make_app(make_population(asked.population, asked.seed, asked.now)), sock, parent)
    return 0


if __name__ == "__main__":
    sys.exit(main())
