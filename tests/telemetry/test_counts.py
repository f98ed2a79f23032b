"""Counting in memory, and writing it down."""

import re
import threading
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scrapinsta_ray.api.requests import heard
from scrapinsta_ray.store.tables import metrics
from scrapinsta_ray.telemetry import counts as process
from scrapinsta_ray.telemetry.catalogue import CATALOGUE, Metric, labels_text, parsed
from scrapinsta_ray.telemetry.counts import Batch, Counts, bucket
from scrapinsta_ray.telemetry.flusher import Flusher
from tests.waiting import until


def test_many_threads_lose_no_count() -> None:
    counts = Counts()

    def count() -> None:
        for _ in range(2_000):
            counts.add("signals", type="ok")

    threads = [threading.Thread(target=count) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert counts.take().added == {("signals", 'type="ok"'): 8_000}
    assert not counts.take()


def test_a_value_falls_into_the_bucket_whose_bound_it_does_not_pass() -> None:
    counts = Counts()
    for milliseconds in (0, 5, 5.1, 10_000_000):
        counts.observe("result_lag_ms", milliseconds, kind="send_message")
    added = {parsed(labels)["le"]: value for (_, labels), value in counts.take().added.items()}
    assert added == {"1": 1, "5": 1, "10": 1, "+Inf": 1, "sum": 10_000_010.1}


def test_a_gauge_is_told_when_it_changes_and_now_and_then(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 1000.0
    monkeypatch.setattr("scrapinsta_ray.telemetry.counts.time.monotonic", lambda: now)
    counts = Counts()

    def told() -> list[float]:
        return list(counts.take().gauges.values())

    counts.set("browsers", 4, state="free")
    assert told() == [4] and told() == []
    counts.set("browsers", 4, state="free")
    assert told() == []
    counts.set("browsers", 3, state="free")
    assert told() == [3]
    now += 61
    assert told() == [3]


def test_a_gauge_of_what_is_gone_is_not_told_again(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 1000.0
    monkeypatch.setattr("scrapinsta_ray.telemetry.counts.time.monotonic", lambda: now)
    counts = Counts()
    for account in ("bot_1", "bot_2"):
        counts.set("session_memory_bytes", 5e7, account_bot=account)
    counts.take()
    counts.unset("session_memory_bytes", account_bot="bot_1")
    now += 61
    assert counts.take().gauges == {("session_memory_bytes", 'account_bot="bot_2"'): 5e7}


def test_labels_are_those_of_the_catalogue_and_harmless() -> None:
    text = labels_text("tasks_error", {"kind": "send_message", "code": 'a"} 1\n' + "x" * 200})
    assert text.count('"') == 4 and "\n" not in text and len(text) < 150
    with pytest.raises(ValueError, match="has the labels"):
        labels_text("tasks_ok", {"client": "acme"})
    assert all(len(values) == len(metric.labels) for metric in CATALOGUE.values() for values in metric.known)


LONGEST = metrics.c.labels.type.length  # type: ignore[attr-defined]
LINE = re.compile(r'[a-z_]+="[A-Za-z0-9_./{}:*-]*"(,[a-z_]+="[A-Za-z0-9_./{}:*-]*")*')


@given(st.sampled_from([m for m in CATALOGUE.values() if m.labels and m.name != "http_requests"]), st.data())
def test_whatever_a_label_is_its_text_is_harmless_and_fits(metric: Metric, data: st.DataObject) -> None:
    values = {label: data.draw(st.text(max_size=300)) for label in metric.labels}
    text = labels_text(metric.name, values)
    assert LINE.fullmatch(text) and parsed(text).keys() == set(metric.labels)
    assert len(bucket(text, "+Inf")) <= LONGEST


@given(st.text(max_size=300), st.text(max_size=300), st.integers(100, 599))
def test_whatever_is_asked_for_where_there_is_nothing_is_counted_as_one(
    method: str, path: str, status: int
) -> None:
    process.ours.take()
    heard("console", {"type": "http", "method": method, "path": path}, status, 1.0)
    [labels] = [labels for name, labels in process.ours.take().added if name == "http_requests"]
    assert len(labels) <= LONGEST
    assert parsed(labels)["route"] == "unmatched"
    assert parsed(labels)["method"] in {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "other"}


def test_what_cannot_be_written_is_kept_and_the_rest_goes_at_the_end() -> None:
    counts, written = Counts(), []
    away = True

    def write(batch: Batch) -> None:
        if away:
            raise ConnectionError
        written.append(batch)

    flusher = Flusher(write, counts=counts, every_s=3600)
    counts.add("signals", type="ok")
    counts.set("browsers", 4, state="free")
    flusher.flush()
    away = False
    counts.add("signals", type="ok")
    flusher.stop()
    assert written == [Batch({("signals", 'type="ok"'): 2}, {("browsers", 'state="free"'): 4})]
    flusher.stop()
    assert len(written) == 1


def test_who_counts_after_a_silence_is_heard_and_silence_costs_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    counts, looks = Counts(), 0
    written: list[Batch] = []
    take = counts.take

    def counted() -> Batch:
        nonlocal looks
        looks += 1
        return take()

    monkeypatch.setattr(counts, "take", counted)
    flusher = Flusher(written.append, counts=counts, every_s=0.01)
    for number in (1, 2, 3):
        counts.add("signals", type="ok")
        until(lambda number=number: len(written) == number, 5, "what was counted")  # type: ignore[misc]
        before = looks
        time.sleep(0.2)  # in which nothing must happen
        assert looks == before
    flusher.stop()


def test_a_gauge_that_never_changes_is_told_again_and_again(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("counts", "flusher"):
        monkeypatch.setattr(f"scrapinsta_ray.telemetry.{module}.REPEAT_S", 0.1)
    counts = Counts()
    written: list[Batch] = []
    flusher = Flusher(written.append, counts=counts, every_s=0.01)
    counts.set("browsers", 4, state="free")
    until(lambda: len(written) >= 3, 5, "the gauge")
    flusher.stop()
    assert {tuple(batch.gauges.values()) for batch in written} == {(4,)}


def test_at_the_end_nobody_is_told_that_the_database_is_gone(caplog: pytest.LogCaptureFixture) -> None:
    def write(_batch: Batch) -> None:
        raise ConnectionError

    caplog.set_level("INFO", "scrapinsta_ray")
    counts = Counts()
    flusher = Flusher(write, counts=counts, every_s=3600)
    counts.add("signals", type="ok")
    flusher.flush()
    assert [record.getMessage() for record in caplog.records] == [
        "metrics could not be written: ConnectionError"
    ]
    flusher.stop()
    assert len(caplog.records) == 1
