"""Bot accounts, for the operator: how each is, a look at its browser, and its rests."""

from base64 import b64encode
from dataclasses import dataclass
from datetime import datetime

from fastapi import FastAPI
from fastapi.responses import Response

from scrapinsta_ray.api.errors import ApiError
from scrapinsta_ray.console.desk import Desk, Operator, Sent, Visit, back, show
from scrapinsta_ray.domain.hours import ALWAYS
from scrapinsta_ray.domain.models import Action
from scrapinsta_ray.domain.pacing import Pace
from scrapinsta_ray.errors import RetryLater
from scrapinsta_ray.store import accounts
from scrapinsta_ray.store.accounts import Account

_STATES = {"pause": "paused", "resume": "active", "solved": "active"}


@dataclass(frozen=True, slots=True)
class Shown:
    """An account as the page shows it. `left`: what its hour still allows, of how much; `at`: when it may begin."""

    account: Account
    state: str
    left: dict[str, tuple[int, int]]
    at: datetime | None
    waits_for: str | None
    cooldown: datetime | None
    hours: str
    node: str | None


def add(site: FastAPI, desk: Desk) -> None:
    """Adds /accounts."""

    @site.get("/accounts")
    def page(visit: Operator) -> Response:
        shown = [_shown(account, desk.pace) for account in accounts.everyone(desk.db)]
        return show(visit, "accounts.html", shown=shown)

    @site.get("/accounts/{username}")
    def one(visit: Operator, username: str) -> Response:
        found = _shown(_account(desk, visit, username), desk.pace)
        return show(visit, "account.html", one=found, can_look=desk.screenshot is not None)

    @site.post("/accounts/{username}/{verb}")
    def change(visit: Operator, form: Sent, username: str, verb: str) -> Response:
        _account(desk, visit, username)
        if verb not in _STATES:
            raise ApiError(404, "NOT_FOUND", visit.say("There is no such page."))
        reason = (form["reason"] or "paused at the console")[:300] if verb == "pause" else None
        accounts.set_status(desk.db, [username], _STATES[verb], reason, actor=visit.caller.actor)
        return back(visit, f"/accounts/{username}", f"account_{verb}")

    @site.get("/accounts/{username}/now")
    def look(visit: Operator, username: str) -> Response:
        _account(desk, visit, username)
        if desk.screenshot is None:
            raise ApiError(404, "NOT_FOUND", visit.say("Browsers cannot be looked at from here."))
        try:
            picture, problem = b64encode(desk.screenshot(username)).decode(), ""
        except RetryLater as later:
            picture, problem = "", visit.say.known(later.message)
        return show(visit, "look.html", username=username, picture=picture, problem=problem)


def state_of(account: Account) -> str:
    """Its status, or `resting` while an active one must do nothing."""
    free_at = account.past.free_at
    resting = account.status == "active" and free_at is not None and free_at > account.now
    return "resting" if resting else account.status


def _account(desk: Desk, visit: Visit, username: str) -> Account:
    found = next((one for one in accounts.everyone(desk.db) if one.username == username), None)
    if found is None:
        raise ApiError(404, "NOT_FOUND", visit.say("There is no such account."))
    return found


def _shown(account: Account, pace: Pace) -> Shown:
    starts = [account.next_start(action, pace) for action in Action]
    at, why = min(starts, key=lambda start: start[0])
    active, free_at = account.status == "active", account.past.free_at
    return Shown(
        account,
        state_of(account),
        {str(action): (account.left(action, pace), pace.windows[action].limit) for action in Action},
        at if active and at > account.now else None,
        why if active else "resume",
        free_at if free_at and free_at > account.now else None,
        "" if account.past.hours == ALWAYS else str(account.past.hours),
        account.worker.split(":")[0] if account.worker else None,
    )
