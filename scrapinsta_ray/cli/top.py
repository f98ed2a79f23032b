"""`scrapinsta top`: the whole cluster in the terminal, live."""

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any

import typer
from rich.console import Group
from rich.live import Live
from rich.table import Column, Table
from rich.text import Text

from scrapinsta_ray.cli.options import AsJson
from scrapinsta_ray.cli.output import out
from scrapinsta_ray.cli.stored import database
from scrapinsta_ray.domain.models import UNFINISHED
from scrapinsta_ray.errors import DatabaseAway
from scrapinsta_ray.store import accounts, overview
from scrapinsta_ray.store.accounts import Account
from scrapinsta_ray.store.database import Database
from scrapinsta_ray.store.overview import Overview

app = typer.Typer()

_NARROW = 80
"""In fewer columns an account has its name, status and reason only."""

_ABOVE = 16
"""Lines that everything else takes."""

_RATES = {"tasks_ok": "ok", "tasks_error": "error", "tasks_sent": "leased", "tasks_queued": "made"}


@dataclass(frozen=True, slots=True)
class Look:
    """What there is at one moment."""

    at: float  # of our own clock, for rates
    state: Overview
    totals: Mapping[str, float]
    fleet: list[Account]


@app.command()
def top(
    every: Annotated[float, typer.Option(min=0.5, help="Seconds between two looks.")] = 2.0,
    once: Annotated[bool, typer.Option("--once", help="One look, then end.")] = False,
    as_json: AsJson = False,
) -> None:
    """The cluster at a glance: queue, throughput, accounts, messages, database. Ctrl-C ends it."""
    _found, db = database()
    if as_json:
        print(json.dumps(_fields(_look(db)), default=str))
    elif once:
        out.print(_page(_look(db), None))
    else:
        _watch(db, every)


def _look(db: Database) -> Look:
    return Look(time.monotonic(), overview.look(db), overview.totals(db), accounts.everyone(db))


def _watch(db: Database, every_s: float) -> None:
    before: Look | None = None
    with Live(console=out, screen=out.is_terminal, auto_refresh=False) as live:
        while True:
            try:
                now = _look(db)
                live.update(_page(now, before), refresh=True)
                before = now
            except DatabaseAway as away:
                live.update(f"[red]{away.message}[/]", refresh=True)
            time.sleep(every_s)


def _fields(look: Look) -> dict[str, Any]:
    """The same for scripts."""
    state = look.state
    tasks: dict[str, dict[str, int]] = {}
    for (kind, status), number in state.tasks.items():
        tasks.setdefault(str(kind), {})[str(status)] = number
    return {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "dispatcher": state.dispatcher,
        "database_latency_ms": round(state.latency_ms, 1),
        "tasks": tasks,
        "jobs": dict(state.jobs),
        "totals": {name: round(look.totals.get(name, 0)) for name in _RATES},
        "accounts": {**state.accounts, "resting": state.resting, "without_worker": state.without_worker},
        "messages_last_day": state.messages,
        "senders": state.senders,
        "senders_near_limit": state.senders_near_limit,
        "working": {account.username: account.task_id for account in look.fleet if account.task_id},
    }


def _page(look: Look, before: Look | None) -> Group:
    return Group(_head(look), _tasks(look, before), _fleet(look))


def _head(look: Look) -> str:
    state = look.state
    dispatcher = "[green]dispatcher at work[/]" if state.dispatcher else "[red]no dispatcher[/]"
    near = f", [yellow]{state.senders_near_limit} near their limit[/]" if state.senders_near_limit else ""
    return (
        f"{datetime.now(UTC):%H:%M:%S} UTC  {dispatcher}  database {state.latency_ms:.1f} ms  "
        f"jobs {state.jobs['running']} running, {state.jobs['paused']} paused  "
        f"messages in 24 h: {state.messages}, from accounts: {state.senders}{near}"
    )


def _tasks(look: Look, before: Look | None) -> Table:
    table = Table("tasks", *(str(status) for status in UNFINISHED), title=_rates(look, before))
    for kind in overview.KINDS:
        numbers = (look.state.tasks[kind, status] for status in UNFINISHED)
        table.add_row(str(kind), *(f"{number:,}" for number in numbers))
    return table


def _rates(look: Look, before: Look | None) -> str:
    if before is None:
        return "  ".join(f"{word} {look.totals.get(name, 0):,.0f}" for name, word in _RATES.items())
    past_s = max(look.at - before.at, 0.1)
    rates = {name: look.totals.get(name, 0) - before.totals.get(name, 0) for name in _RATES}
    return "  ".join(f"{word} {rates[name] / past_s:,.1f}/s" for name, word in _RATES.items())


def _fleet(look: Look) -> Table:
    """One line an account, as many as the terminal is high, the worst first."""
    table = Table("account", Column("status", no_wrap=True))
    wide = out.width >= _NARROW
    for name in ("worker", "signal") if wide else ():
        table.add_column(name, no_wrap=True)
    for name in ("works on", "why") if wide else ("why",):
        table.add_column(name)
    worst_first = sorted(look.fleet, key=lambda account: (account.status == "active", account.username))
    shown = max(1, out.height - _ABOVE) if out.is_terminal else len(worst_first)
    for account in worst_first[:shown]:
        worker, signal = "yes" if account.worker else "-", account.last_signal or "-"
        works_on = " ".join(account.task_id.split(":")[2:]) if account.task_id else "-"
        between = (worker, signal, _line(works_on)) if wide else ()
        table.add_row(_line(account.username), _status(account), *between, _line(account.status_reason or ""))
    if len(worst_first) > shown:
        table.caption = f"and {len(worst_first) - shown} more"
    return table


def _line(text: str) -> Text:
    """One line, whatever room there is."""
    return Text(text, no_wrap=True, overflow="ellipsis")


def _status(account: Account) -> str:
    free_at = account.past.free_at
    if account.status == "active" and free_at and free_at > account.now:
        return f"[yellow]rests {free_at:%H:%M}[/]"
    return f"[{'green' if account.status == 'active' else 'red'}]{account.status}[/]"
