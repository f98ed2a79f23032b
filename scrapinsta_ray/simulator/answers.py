"""What is answered instead of the page or call that was asked for. A page and a call are told in different ways."""

import random
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response

from scrapinsta_ray.simulator.faults import Doing
from scrapinsta_ray.simulator.pages import page
from scrapinsta_ray.simulator.site import Visit, visit_of

CHALLENGE = "/challenge/action/AXF/"
SUSPENDED = "/accounts/suspended/"
BLOCKS: Mapping[str, Mapping[str, tuple[str, str]]] = {
    "en": {
        "try_again_later": ("Try Again Later", "We restrict certain activity to protect our community."),
        "action_blocked": ("Action Blocked", "This action was blocked. Please try again later."),
        "restrict": (
            "Instagram",
            "We restrict certain activity to protect our community. Tell us if we made a mistake.",
        ),
    },
    "es": {
        "try_again_later": (
            "Inténtalo de nuevo más tarde",
            "Restringimos determinada actividad para proteger a nuestra comunidad.",
        ),
        "action_blocked": ("Acción bloqueada", "Se ha bloqueado esta acción. Inténtalo de nuevo más tarde."),
        "restrict": (
            "Instagram",
            "Restringimos determinada actividad para proteger a nuestra comunidad. Avísanos si es un error.",
        ),
    },
}
"""Title and text of an action block, by language and `text` of the fault."""


def fail(status: int, message: str, **more: Any) -> Response:
    return JSONResponse({"message": message, "status": "fail", **more}, status)


def block_of(doing: Doing, language: str) -> tuple[str, str]:
    """Title and text of the dialog that an action block shows."""
    return BLOCKS[doing.options["language"] or language][doing.options["text"]]


def _throttled(doing: Doing, visit: Visit) -> Response:
    more = {"require_login": True, "igweb_rollout": True} if doing.options["require_login"] else {}
    return fail(401, "Please wait a few minutes before you try again.", **more)


def _rate_limited(doing: Doing, visit: Visit) -> Response:
    seconds, how = doing.options["retry_after"], doing.options["retry_after_as"]
    if how == "none":
        return Response("", 429)
    until = format_datetime(datetime.now(UTC) + timedelta(seconds=seconds), usegmt=True)
    return Response("", 429, headers={"retry-after": until if how == "date" else f"{seconds:g}"})


def _logged_out(doing: Doing, visit: Visit) -> Response:
    if not visit.is_api:
        return RedirectResponse("/accounts/login/", 302)
    title = "You've Been Logged Out"
    return fail(403, "login_required", error_title=title, error_body="Please log back in.", logout_reason=3)


def _login_redirect(doing: Doing, visit: Visit) -> Response:
    return RedirectResponse("/accounts/login/", 302)


def _checkpoint(doing: Doing, visit: Visit) -> Response:
    if not visit.is_api:
        return RedirectResponse(CHALLENGE, 302)
    return fail(400, "checkpoint_required", checkpoint_url=CHALLENGE, lock=False, flow_render_type=0)


def _challenge(doing: Doing, visit: Visit) -> Response:
    if not visit.is_api:
        return RedirectResponse(CHALLENGE, 302)
    told = {
        "url": CHALLENGE,
        "api_path": CHALLENGE,
        "native_flow": True,
        "hide_webview_header": True,
        "lock": True,
    }
    return fail(400, "challenge_required", challenge=told)


def _challenge_page(doing: Doing, visit: Visit) -> Response:
    return RedirectResponse(CHALLENGE, 302)


def _suspended(doing: Doing, visit: Visit) -> Response:
    return RedirectResponse(SUSPENDED, 302)


def _feedback(doing: Doing, visit: Visit) -> Response:
    title, text = block_of(doing, visit.language)
    return fail(400, "feedback_required", spam=True, feedback_title=title, feedback_message=text)


def _masked(doing: Doing, visit: Visit) -> Response:
    return Response("Not Found", 404, media_type="text/html")


def _user_null(doing: Doing, visit: Visit) -> Response:
    return JSONResponse({"data": {"user": None}, "status": "ok"})


def _server_error(doing: Doing, visit: Visit) -> Response:
    return HTMLResponse(
        "<html><title>Error</title><h1>5xx Server Error</h1></html>", int(doing.options["status"])
    )


def _bad_request(doing: Doing, visit: Visit) -> Response:
    return JSONResponse({"status": "fail"}, 400)


def _empty(doing: Doing, visit: Visit) -> Response:
    return Response("", 200, media_type="application/json" if visit.is_api else "text/html")


def _errors(doing: Doing, visit: Visit) -> Response:
    error = {"message": "execution error", "severity": "CRITICAL", "path": ["user"]}
    return JSONResponse({"data": None, "errors": [error], "status": "ok"})


REPLIES: Mapping[str, Callable[[Doing, Visit], Response]] = {
    "throttled": _throttled,
    "rate_limited": _rate_limited,
    "logged_out": _logged_out,
    "login_redirect": _login_redirect,
    "checkpoint_required": _checkpoint,
    "challenge_required": _challenge,
    "challenge_page": _challenge_page,
    "suspended": _suspended,
    "feedback_required": _feedback,
    "action_block": _feedback,
    "masked_404": _masked,
    "user_null": _user_null,
    "server_error": _server_error,
    "bad_request": _bad_request,
    "empty": _empty,
    "graphql_errors": _errors,
}


def reply(doing: Doing, request: Request) -> Response | None:
    """The answer of a fault; None for one that lets the route answer, differently."""
    visit = visit_of(request)
    if doing.fault == "not_found":
        return _not_found(doing, request)
    if doing.fault in ("action_block", "feedback_required") and not visit.is_api:
        return None
    make = REPLIES.get(doing.fault)
    return make(doing, visit) if make else None


def _not_found(doing: Doing, request: Request) -> Response:
    if visit_of(request).is_api:
        return fail(404, "User not found")
    return page(request, "missing.html", 404, language=doing.options["language"])


def seconds_of(doing: Doing, luck: random.Random) -> float:
    """How long a latency or a hang lasts; 0 for what has no length."""
    seconds = doing.options.get("seconds", 0.0)
    return luck.uniform(*seconds) if isinstance(seconds, list) else float(seconds)
