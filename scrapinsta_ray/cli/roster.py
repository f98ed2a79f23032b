"""Bot accounts as `scrapinsta accounts list` shows them: rows for scripts, lines for people."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from scrapinsta_ray.domain.hours import ALWAYS
from scrapinsta_ray.domain.models import Action
from scrapinsta_ray.domain.pacing import Pace
from scrapinsta_ray.store.accounts import Account


def row(account: Account, pace: Pace) -> dict[str, Any]:
    """What a person wants to know of an account; `next` is when it may begin whichever action comes first."""
    starts = {action: account.next_start(action, pace) for action in Action}
    at, why = min(starts.values(), key=lambda start: start[0])
    active = account.status == "active"
    node = account.worker.split(":")[0] if account.worker else None
    return {
        "username": account.username,
        "status": account.status,
        "reason": account.status_reason if not active or why == "cooldown" else None,
        "budget_left": {str(action): account.left(action, pace) for action in Action},
        "next": at.isoformat(timespec="seconds") if active else None,
        "free_in_s": round((at - account.now).total_seconds()) if active else None,
        "waits_for": why if active else "resume",
        "hours": "always" if account.past.hours == ALWAYS else str(account.past.hours),
        "last_signal": account.last_signal,
        "failures": account.failures,
        "slowness": round(account.slowness, 2),
        "logins": account.logins,
        "node": node,
        "task": account.task_id,
    }


def line(row: Mapping[str, Any]) -> dict[str, Any]:
    """The same in the width of a terminal."""
    left = row["budget_left"]
    return {
        "username": row["username"],
        "status": row["status"],
        "left this hour": f"{left[Action.PROFILE_READ]} reads, {left[Action.FOLLOWING_PAGE]} pages",
        "next": _when(row["free_in_s"], row["waits_for"]),
        "hours": row["hours"],
        "last signal": row["last_signal"],
        "node": row["node"],
        "does": row["task"] and row["task"].split(":", 2)[2].replace(":", " "),
        "reason": row["reason"],
    }


def _when(seconds: int | None, why: str | None) -> str:
    if seconds is None:
        return "after resume"
    if not seconds:
        return "now"
    return f"{timedelta(seconds=seconds)} ({why})"
