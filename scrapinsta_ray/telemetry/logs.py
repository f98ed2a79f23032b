"""Logs as JSON lines, or as text for people. Never a secret, never a message's text."""

import json
import logging
import socket
import sys
from datetime import UTC, datetime
from typing import Literal, TextIO

from scrapinsta_ray.telemetry import context

FIELDS = ("job_id", "task_id", "client", "account_bot", "latency_ms", "request_id", "code", "path")
"""What a log call may add by `extra=`."""


class JsonLines(logging.Formatter):
    """One JSON object a line: time, level, event, the fields that are there, node."""

    def format(self, record: logging.LogRecord) -> str:
        entry = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "event": record.getMessage(),
            **_fields(record),
            "node": socket.gethostname(),
        }
        if record.exc_info:
            entry["error"] = self.formatException(record.exc_info)
        return json.dumps(entry, ensure_ascii=False, default=str)


class Text(logging.Formatter):
    """The same for people."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)-7s %(message)s", datefmt="%H:%M:%S")

    def format(self, record: logging.LogRecord) -> str:
        extra = " ".join(f"{name}={value}" for name, value in _fields(record).items())
        return f"{super().format(record)} {extra}".rstrip()


class Stderr(logging.StreamHandler[TextIO]):
    """Writes to what stderr is at that moment, since an earlier one may have been closed; or to the `original` one."""

    def __init__(self, *, original: bool) -> None:
        super().__init__()
        self._original = original

    def emit(self, record: logging.LogRecord) -> None:
        self.stream = (sys.__stderr__ if self._original else None) or sys.stderr
        super().emit(record)


def _fields(record: logging.LogRecord) -> dict[str, object]:
    """Those that the call gave, and those that hold for all that is done here."""
    bound = context.bound()
    found = {name: getattr(record, name, bound.get(name)) for name in FIELDS}
    return {name: value for name, value in found.items() if value is not None}


def configure(form: Literal["json", "text"], level: str, *, in_serve: bool = False) -> None:
    """Sends this package's logs to stderr, once per process.

    `in_serve`: past what Ray Serve puts in the place of stderr, which wraps each line and keeps back a thousand.
    """
    root = logging.getLogger("scrapinsta_ray")
    handler = Stderr(original=in_serve)
    handler.setFormatter(JsonLines() if form == "json" else Text())
    root.handlers[:] = [handler]
    root.setLevel(level)
    root.propagate = False
