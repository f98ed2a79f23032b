"""What the site is told to do wrong: a list of faults, asked once per request by the gate, set by /_faults."""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response

CHALLENGE = "/challenge/action/AXF/"
FOREVER = -1


class UnknownFault(ValueError):
    """The fault asked for does not exist, or its numbers make no sense."""


@dataclass(slots=True)
class Fault:
    """One thing that goes wrong: for one account or everybody, below a path, so many times (-1: until cleared)."""

    signal: str
    account: str | None = None
    path_prefix: str = "/"
    times: int = 1
    retry_after: int = 30  # seconds, told by "rate_limited"

    def meets(self, account: str | None, path: str) -> bool:
        return bool(self.times) and self.account in (None, account) and path.startswith(self.path_prefix)


def _json(status: int, message: str, **more: Any) -> Response:
    return JSONResponse({"message": message, "status": "fail", **more}, status)


def _throttled(fault: Fault, is_api: bool) -> Response:
    return _json(401, "Please wait a few minutes before you try again.")


def _rate_limited(fault: Fault, is_api: bool) -> Response:
    return Response("", 429, headers={"retry-after": str(fault.retry_after)})


def _server_error(fault: Fault, is_api: bool) -> Response:
    return HTMLResponse("<html><title>Error</title><h1>5xx Server Error</h1></html>", 500)


def _logged_out(fault: Fault, is_api: bool) -> Response:
    if not is_api:
        return RedirectResponse("/accounts/login/", 302)
    title = "You've Been Logged Out"
    return _json(403, "login_required", error_title=title, error_body="Please log back in.", logout_reason=3)


def _checkpoint(fault: Fault, is_api: bool) -> Response:
    if not is_api:
        return RedirectResponse(CHALLENGE, 302)
    return _json(400, "checkpoint_required", checkpoint_url=CHALLENGE, lock=False, flow_render_type=0)


def _feedback(fault: Fault, is_api: bool) -> Response:
    return _json(
        400,
        "feedback_required",
        spam=True,
        feedback_title="Try Again Later",
        feedback_message="We restrict certain activity to protect our community.",
    )


REPLIES: dict[str, Callable[[Fault, bool], Response]] = {
    "throttled": _throttled,
    "rate_limited": _rate_limited,
    "server_error": _server_error,
    "logged_out": _logged_out,
    "checkpoint_required": _checkpoint,
    "feedback_required": _feedback,
}
"""Each signal's answer; a page and a call are told of a dead session and of a checkpoint in different ways."""


class Faults:
    """The faults now in force, and what has been done on their account."""

    def __init__(self) -> None:
        self.active: list[Fault] = []
        self.done: list[dict[str, Any]] = []

    def add(self, asked: dict[str, Any]) -> Fault:
        """Raises UnknownFault."""
        try:
            fault = Fault(**asked)
        except TypeError as error:
            raise UnknownFault(str(error)) from error
        if fault.signal not in REPLIES:
            raise UnknownFault(f"signal is one of {', '.join(REPLIES)}")
        if not isinstance(fault.times, int) or not isinstance(fault.path_prefix, str):
            raise UnknownFault("times is a whole number and path_prefix a text")
        self.active.append(fault)
        return fault

    def clear(self) -> None:
        self.active.clear()

    def take(self, account: str | None, path: str) -> Fault | None:
        """The fault that this request meets, one time fewer from now on."""
        fault = next((one for one in self.active if one.meets(account, path)), None)
        if fault is None:
            return None
        if fault.times != FOREVER:
            fault.times -= 1
        self.done.append({"account": account, "path": path, "signal": fault.signal})
        return fault

    def shown(self) -> dict[str, Any]:
        return {"active": [asdict(one) for one in self.active if one.times], "done": self.done}
