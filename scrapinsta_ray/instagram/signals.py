"""One classifier: what the site just told us, by consequence.

Structured words come first (address, status, JSON fields); texts count only where the site itself speaks: title, h1,
dialogs and alerts. What people write (names, bios, captions, messages) never trips it, in those places neither.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from email.utils import parsedate_to_datetime
from itertools import islice
from typing import Any
from urllib.parse import urlsplit

from selectolax.lexbor import LexborNode

from scrapinsta_ray import errors
from scrapinsta_ray.domain import usernames
from scrapinsta_ray.domain.models import Signal
from scrapinsta_ray.instagram.html import around, folded, is_a, is_html, parsed, profile_of
from scrapinsta_ray.instagram.verdicts import (
    BLOCKED,
    CHALLENGE,
    LOGGED_OUT,
    MESSAGES,
    NOT_FOUND,
    OK,
    PATHS,
    PRIVATE,
    SENTENCES,
    SUSPENDED,
    TEXTS,
    THROTTLED,
    TWO_FACTOR,
    Verdict,
)

__all__ = ["OK", "Verdict", "classify", "raise_for"]

_USERS = ("user", "xig_user_by_username")
_SHORT = 400  # a dialog that shows a post or a list holds more; the site's own notices hold less
_TITLE_TAIL = re.compile(r"\s*[•|·-]\s*instagram$")
_NOTICES = frozenset(phrase for phrase, _ in TEXTS)

# Where people write: lists of comments and likers, and what only they have.
_LISTS = ("ul", "ol", "li", "nav")
_WHOLE_PAGE = ("main", "body", "html", "head")
_PEOPLES_TAGS = ("header", "article", "time", "textarea")
_PEOPLES_ROLES = ("row", "grid", "gridcell", "list", "listitem", "article", "textbox", "log", "feed")


def classify(
    status: int,
    url: str,
    headers: Mapping[str, str],
    body: str,
    dialog_texts: Sequence[str] = (),
    expects_json: bool = True,
    answer: Any = ...,
) -> Verdict:
    """What one answer, or one page, means.

    `url` is the last address after redirects, `headers` may have names in any case, `dialog_texts` are the texts
    of dialogs and alerts of a live page. `expects_json` is False for a page. `answer` is the body's JSON, where the
    caller has read it already. Never raises.
    """
    fields = {name.lower(): value for name, value in headers.items()}
    html = answer is ... and is_html(body)
    told = answer if isinstance(answer, dict) else _json(body) if answer is ... and not html else None
    found = (
        _by_path(_target(status, url, fields))
        or next(filter(None, map(_by_text, dialog_texts)), None)
        or (_by_page(body) if html else _by_json(status, told))
        or _by_status(status, body, expects_json, told)
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
    first = next((line.strip() for line in text.splitlines() if line.strip()), "")
    # a post, a chat and a comment begin with who wrote them
    personal = usernames.is_valid(first) and folded(first) not in _NOTICES
    text = folded(text)
    return next((verdict for phrase, verdict in TEXTS if _says(text, phrase, personal)), None)


def _says(text: str, phrase: str, personal: bool) -> bool:
    # three words may stand in anybody's caption; a sentence in a short notice is the site's
    if text.startswith(phrase):
        return True
    return not personal and len(text) < _SHORT and phrase.count(" ") > 4 and phrase in text


def _by_page(html: str) -> Verdict | None:
    tree = parsed(html)
    notices = (_notice(node) for node in tree.css("[role=dialog], [role=alert], [role=alertdialog]"))
    headings = (node.text(separator=" ") for node in tree.css("title, h1") if not _is_written(node))
    said = next(filter(None, (*map(_by_text, notices), *map(_by_heading, headings))), None)
    if said:
        return said
    # what became of a page is also said a step lower; nothing about the account itself is believed there
    lower = (_by_heading(node.text(separator=" ")) for node in tree.css("h2") if not _in_lists(node))
    return next((verdict for verdict in lower if verdict in (NOT_FOUND, PRIVATE)), None)


def _in_lists(node: LexborNode) -> bool:
    return any(is_a(place, ("header", "a", *_LISTS), _PEOPLES_ROLES) for place in around(node))


def _is_personal(node: LexborNode) -> bool:
    """A place where people write: a profile's head, a post, a list of comments, a chat."""
    return any(_is_peoples(place) or place.tag in _LISTS for place in around(node))


def _is_written(heading: LexborNode) -> bool:
    """Is it a person's: in one of their places, or, as a caption is, right under the name of who wrote it?"""
    if _is_personal(heading):
        return True
    near = islice((place for place in around(heading) if place.tag not in _WHOLE_PAGE), 2)
    return any(_names_somebody(place) for place in near)


def _names_somebody(place: LexborNode) -> bool:
    return any(_is_peoples(link) and not _in_navigation(link) for link in place.css("a[href]"))


def _in_navigation(link: LexborNode) -> bool:
    return any(is_a(place, ("nav",), ("navigation",)) for place in around(link))


def _is_peoples(node: LexborNode) -> bool:
    if is_a(node, _PEOPLES_TAGS, _PEOPLES_ROLES) or "contenteditable" in node.attributes:
        return True
    return node.tag == "a" and profile_of(node.attributes.get("href") or "") is not None


def _notice(node: LexborNode) -> str:
    """A dialog's or an alert's text without what people wrote; nothing if it lies where they write."""
    if _is_personal(node):
        return ""
    if any(_is_peoples(part) for part in node.css("*")):
        # what stands beside somebody's name may be theirs too: only the dialog's own heading is believed then
        return "\n".join(_headings(node))
    return "\n".join(_lines(node))


def _headings(node: LexborNode) -> list[str]:
    return [one.text(separator=" ") for one in node.css("h1, h2, [role=heading]") if not _is_personal(one)][
        :1
    ]


def _lines(node: LexborNode) -> Iterator[str]:
    for child in node.iter(include_text=True):
        if child.tag == "-text":
            yield child.text()
        elif child.tag not in ("script", "style", "svg", *_LISTS):
            yield from _lines(child)


def _by_heading(text: str) -> Verdict | None:
    text = _TITLE_TAIL.sub("", folded(text)).rstrip(".")
    return next((verdict for phrase, verdict in TEXTS if text == phrase), None)


def _json(body: str) -> Mapping[str, Any] | None:
    """The body's JSON object, None when it holds none. `for (;;);` guards some of the site's answers."""
    try:
        found = json.loads(body.strip("\ufeff \t\r\n").removeprefix("for (;;);"))
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def _by_json(status: int, answer: Mapping[str, Any] | None) -> Verdict | None:
    if answer is None:
        return None
    failed = status >= 400 or answer.get("status") != "ok"
    said = next(filter(None, map(_by_message, _messages(answer))), None) if failed else None
    if failed and not said and isinstance(title := answer.get("error_title"), str):
        said = _by_heading(title)
    if _by_path(_checkpoint(answer)) == SUSPENDED:  # worse than what the message says
        return SUSPENDED
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
    """An answer without what was asked for. Errors beside some data are the site's own affair."""
    holder = answer.get("data", answer.get("graphql"))
    if answer.get("errors") and not _holds_something(holder):
        return Verdict(Signal.RETRY, "errors")
    if any(name in place and place[name] is None for place in (_object(holder), answer) for name in _USERS):
        return NOT_FOUND
    if answer.get("status") == "fail":
        return Verdict(Signal.RETRY, "failed")
    if "data" in answer and answer["data"] is None:
        return Verdict(Signal.RETRY, "no_data")
    return OK


def _holds_something(value: Any) -> bool:
    return any(one is not None for one in value.values()) if isinstance(value, dict) else bool(value)


def _by_status(status: int, body: str, expects_json: bool, answer: Mapping[str, Any] | None) -> Verdict:
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
    return _by_content(body, expects_json, answer)


def _by_content(body: str, expects_json: bool, answer: Mapping[str, Any] | None) -> Verdict:
    """A success by its status, whose body may not be one."""
    if not body.strip():
        return Verdict(Signal.RETRY, "empty")
    if answer is not None:
        return _by_emptiness(answer)
    if not expects_json:
        return OK
    if is_html(body):
        return LOGGED_OUT if parsed(body).css_first("input[type=password]") else Verdict(Signal.RETRY, "html")
    plain = len(body) < _SHORT and not body.lstrip().startswith(("{", "[", '"'))
    return (_by_message(body) if plain else None) or Verdict(Signal.RETRY, "broken_json")


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


def _object(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
