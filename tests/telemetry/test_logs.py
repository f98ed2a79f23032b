"""A log line says what it belongs to."""

import io
import json
import logging
from typing import Any, Literal

import pytest

from scrapinsta_ray import settings
from scrapinsta_ray.errors import Misconfigured
from scrapinsta_ray.telemetry import logs
from scrapinsta_ray.telemetry.context import binding, request_id

PARTS: tuple[Literal["json", "text"], ...] = ("json", "text")


def logged(form: Literal["json", "text"], event: str, arguments: tuple[Any, ...], **extra: Any) -> str:
    record = logging.LogRecord("scrapinsta_ray.x", logging.INFO, "x.py", 1, event, arguments, None)
    for name, value in extra.items():
        setattr(record, name, value)
    formatter = logs.JsonLines() if form == "json" else logs.Text()
    return formatter.format(record)


def test_a_line_has_all_that_is_known() -> None:
    with (
        binding(request_id="r-1", job_id="job:1", task_id="job:1:send_message:ana", client="acme"),
        binding(account_bot="bot_1"),
    ):
        line = json.loads(logged("json", "task %s", ("done",), latency_ms=12, secret="x"))
    assert line.pop("time").endswith("+00:00") and line.pop("node")
    assert line == {
        "level": "info",
        "event": "task done",
        "job_id": "job:1",
        "task_id": "job:1:send_message:ana",
        "client": "acme",
        "account_bot": "bot_1",
        "latency_ms": 12,
        "request_id": "r-1",
    }


def test_what_a_call_says_itself_counts_more() -> None:
    with binding(job_id="job:1"):
        assert json.loads(logged("json", "x", (), job_id="job:2"))["job_id"] == "job:2"


def test_the_text_for_people_says_the_same() -> None:
    with binding(request_id="r-1"):
        assert logged("text", "hello", (), code="ok").endswith("hello request_id=r-1 code=ok")


def test_what_was_bound_ends_with_its_body() -> None:
    with binding(request_id="r-1"), binding(request_id=None, client="acme"):
        assert request_id() == "r-1"
    assert request_id() is None


@pytest.mark.parametrize("form", PARTS)
def test_the_package_logs_to_stderr_in_the_form_that_was_asked_for(
    form: Literal["json", "text"], monkeypatch: pytest.MonkeyPatch
) -> None:
    root = logging.getLogger("scrapinsta_ray")
    before = (root.handlers[:], root.level, root.propagate)
    stream = io.StringIO()
    monkeypatch.setattr("sys.stderr", stream)
    try:
        logs.configure(form, "INFO")
        logging.getLogger("scrapinsta_ray.somewhere").info("hello")
        logging.getLogger("scrapinsta_ray.somewhere").debug("not this")
    finally:
        root.handlers[:], root.level, root.propagate = before
    assert stream.getvalue().count("\n") == 1
    assert ('"event": "hello"' in stream.getvalue()) == (form == "json")


def test_a_stderr_that_was_closed_is_not_written_to(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    root = logging.getLogger("scrapinsta_ray")
    before = (root.handlers[:], root.level, root.propagate)
    try:
        with io.StringIO() as closed, monkeypatch.context() as patched:
            patched.setattr("sys.stderr", closed)
            logs.configure("json", "INFO")
        logging.getLogger("scrapinsta_ray.somewhere").info("hello")
    finally:
        root.handlers[:], root.level, root.propagate = before
    said = capsys.readouterr().err
    assert '"event": "hello"' in said and "Logging error" not in said


@pytest.mark.parametrize("variable", ["LOG_FORMAT", "SCRAPINSTA_LOG_FORMAT"])
def test_either_variable_asks_for_text(variable: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("LOG_FORMAT", "SCRAPINSTA_LOG_FORMAT"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv(variable, "text")
    assert settings.load().log_format == "text"
    monkeypatch.setenv(variable, "prose")
    with pytest.raises(Misconfigured, match=r"\ASCRAPINSTA_LOG_FORMAT: "):
        settings.load()
