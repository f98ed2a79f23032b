"""One classifier: what the site just told us, by consequence.

Structured words come first (address, status, JSON fields); texts count only where the site itself speaks: title,
headings, dialogs and alerts. What people write (names, bios, captions, messages) never trips it.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlsplit

from scrapinsta_ray import errors
from scrapinsta_ray.domain.models import Signal
from scrapinsta_ray.instagram.html import folded, is_html, parsed
from scrapinsta_ray.instagram.verdicts import (
    BLOCKED,
    CHALLENGE,
    LOGGED_OUT,
    MESSAGES,
    NOT_FOUND,
    OK,
    PATHS,
    SENTENCES,
    TEXTS,
    THROTTLED,
    TWO_FACTOR,
    Verdict,
)

__all__ = ["OK", "Verdict", "classify", "raise_for"]

_SHORT = 400  # a dialog that shows a post or a list holds more; the site's own notices hold less
_TITLE_TAIL = re.compile(r"\s*[•|·-]\s*instagram$")


def classify(
    status: int,
    url: str,
    headers: Mapping[str, str],
    body: str,
    dialog_texts: Sequence[str] = (),
    expects_json: bool = True,
) -> Verdict:
    """What one answer, or one page, means.

    `url` is the last address after redirects, `headers` may have names in any case, `dialog_texts` are the texts
    of dialogs and alerts of a live page. `expects_json` is False for a page. Never raises.
    """
    fields = {name.lower(): value for name, value in headers.items()}
    found = (
        _by_path(_target(status, url, fields))
        or next(filter(None, map(_by_text, dialog_texts)), None)
        or (_by_page(body) if is_html(body) else _by_json(status, _json(body)))
        or _by_status(status, body, expects_json)
    )
    if found.signal is not Signal.COOLDOWN:
        return found
    return Verdict(found.signal, found.reason, _retry_after(fields))


def raise_for(verdict: Verdict) -> None:
    """Raise what the verdict asks of its catcher; OK returns.

    RetryLater, CoolDown (with retry_after_s), SessionLost, NeedsHuman, AccountDead, and TaskRejected with reason
    not_found or private. All carry `reason`.
    """
    match verdict.signal:
        case Signal.OK:
            return
        case Signal.COOLDOWN:
            raise errors.CoolDown(reason=verdict.reason, retry_after_s=verdict.retry_after_s)
        case Signal.NOT_FOUND | Signal.PRIVATE:
            raise errors.TaskRejected(_REJECTED[verdict.reason], reason=verdict.reason)
        case _:
            raise _ERRORS[verdict.signal](reason=verdict.reason)


_ERRORS = {
    Signal.RETRY: errors.RetryLater,
    Signal.RELOGIN: errors.SessionLost,
    Signal.HUMAN: errors.NeedsHuman,
    Signal.DEAD: errors.AccountDead,
}
_REJECTED = {"not_found": "There is no such profile.", "private": "This profile is private."}


def _target(status: int, url: str, headers: Mapping[str, str]) -> str:
    """Where the answer sends us: the last address, or that of a redirect that was not followed."""
    return headers.get("location", url) if 300 <= status < 400 else url


def _by_path(url: str) -> Verdict | None:
    try:
        path = urlsplit(url).path
    except ValueError:  # not an address at all
        return None
    return next((verdict for start, verdict in PATHS if _begins(path, start)), None)


def _begins(path: str, start: str) -> bool:
    return path == start or path.startswith(start + "/")


def _by_text(text: str) -> Verdict | None:
    """A dialog or an alert."""
    text = folded(text)
    return next((verdict for phrase, verdict in TEXTS if _says(text, phrase)), None)


def _says(text: str, phrase: str) -> bool:
    # three words may stand in anybody's caption; a sentence in a short notice is the site's
    return text.startswith(phrase) or (len(text) < _SHORT and phrase.count(" ") > 4 and phrase in text)


def _by_page(html: str) -> Verdict | None:
    tree = parsed(html)
    notices = (
        node.text(separator=" ") for node in tree.css("[role=dialog], [role=alert], [role=alertdialog]")
    )
    headings = (node.text(separator=" ") for node in tree.css("title, h1, h2"))
    return next(filter(None, (*map(_by_text, notices), *map(_by_heading, headings))), None)


def _by_heading(text: str) -> Verdict | None:
    text = _TITLE_TAIL.sub("", folded(text)).rstrip(".")
    return next((verdict for phrase, verdict in TEXTS if text == phrase), None)


def _json(body: str) -> Mapping[str, Any] | None:
    """The body's JSON object, None when it holds none. `for (;;);` guards some of the site's answers."""
    try:
        found = json.loads(body.strip().removeprefix("for (;;);"))
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def _by_json(status: int, answer: Mapping[str, Any] | None) -> Verdict | None:
    if answer is None:
        return None
    failed = status >= 400 or answer.get("status") != "ok"
    said = next(filter(None, map(_by_message, _messages(answer))), None) if failed else None
    return said or (THROTTLED if status == 429 else _by_fields(answer))


def _messages(answer: Mapping[str, Any]) -> Iterator[str]:
    """The words in which a failed answer says why, the plainest first."""
    rows = [answer, *(row for row in _list(answer.get("errors")) if isinstance(row, dict))]
    for row in rows:
        for key in ("message", "error_type", "summary", "description"):
            if isinstance(text := row.get(key), str):
                yield text


def _by_message(message: str) -> Verdict | None:
    text = folded(message)
    return MESSAGES.get(text) or next((verdict for words, verdict in SENTENCES if words in text), None)


def _by_fields(answer: Mapping[str, Any]) -> Verdict | None:
    """Fields that mean something without a message."""
    if answer.get("checkpoint_url") or isinstance(answer.get("challenge"), dict):
        return _by_path(_checkpoint(answer)) or CHALLENGE
    if answer.get("two_factor_required") is True:
        return TWO_FACTOR
    if answer.get("feedback_title") or answer.get("spam") is True:
        return BLOCKED
    if answer.get("require_login") is True or answer.get("logout_reason"):
        return LOGGED_OUT
    return None


def _checkpoint(answer: Mapping[str, Any]) -> str:
    challenge = answer.get("challenge")
    found = answer.get("checkpoint_url") or (challenge.get("url") if isinstance(challenge, dict) else None)
    return str(found or "")


def _by_emptiness(answer: Mapping[str, Any]) -> Verdict:
    data = answer.get("data", ...)
    if isinstance(data, dict) and "user" in data and data["user"] is None and not answer.get("errors"):
        return NOT_FOUND
    if answer.get("errors") and not data:
        return Verdict(Signal.RETRY, "errors")
    if answer.get("status") == "fail":
        return Verdict(Signal.RETRY, "failed")
    return OK


def _by_status(status: int, body: str, expects_json: bool) -> Verdict:
    if status == 429:
        return THROTTLED
    if status == 404:
        # a missing page is a page; these two bare words stand where a challenged account gets no JSON
        masked = expects_json and body.strip() == "Not Found"
        return Verdict(Signal.HUMAN, "masked_challenge") if masked else NOT_FOUND
    if status == 401:
        return LOGGED_OUT
    if not 200 <= status < 300:
        return Verdict(Signal.RETRY, "server_error" if status >= 500 else f"status_{status}")
    return _by_content(body, expects_json)


def _by_content(body: str, expects_json: bool) -> Verdict:
    """A success by its status, whose body may not be one."""
    if not body.strip():
        return Verdict(Signal.RETRY, "empty")
    if (answer := _json(body)) is not None:
        return _by_emptiness(answer)
    if not expects_json:
        return OK
    if is_html(body):
        return LOGGED_OUT if parsed(body).css_first("input[type=password]") else Verdict(Signal.RETRY, "html")
    return _by_message(body) or Verdict(Signal.RETRY, "broken_json")


def _retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds of a Retry-After header; a date in it counts from the answer's own Date."""
    value = headers.get("retry-after", "").strip()
    if re.fullmatch(r"\d{1,9}(\.\d+)?", value, re.ASCII):
        return float(value)
    until, now = _date(value), _date(headers.get("date", ""))
    return max(0.0, (until - now).total_seconds()) if until and now else None


def _date(value: str) -> datetime | None:
    try:
        found = parsedate_to_datetime(value)
    except ValueError:
        return None
    return found if found.tzinfo else None


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
