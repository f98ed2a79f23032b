"""One bot account as a line of `scrapinsta accounts list`."""

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
