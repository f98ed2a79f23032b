"""Connections that break, as a client without a browser sees them."""

import json
import time
from collections.abc import Iterator
from http.client import HTTPConnection, IncompleteRead

import pytest

PATH = "/accounts/login/"


@pytest.fixture
def line(site_url: str) -> Iterator[HTTPConnection]:
    """A connection to the site, whose orders are taken back afterwards."""
    host = site_url.removeprefix("http://")
    connection = HTTPConnection(host, timeout=10)
    yield connection
    connection.close()
    with_order = HTTPConnection(host, timeout=10)
    with_order.request("DELETE", "/_faults")
    with_order.getresponse().read()
    with_order.close()


def order(line, **fault):
    line.request("POST", "/_faults", json.dumps(fault))
    answer = line.getresponse()
    assert answer.status == 200, answer.read()
    answer.read()


def get(line, path=PATH):
    line.request("GET", path)
    answer = line.getresponse()
    return answer, answer.read()


def test_a_reset_connection(line):
    order(line, fault="reset")
    with pytest.raises(ConnectionResetError):
        get(line)
    line.close()
    assert get(line)[0].status == 200


def test_a_body_that_ends_before_its_length(line):
    whole = len(get(line)[1])
    order(line, fault="truncated", keep=0.25)
    with pytest.raises(IncompleteRead) as raised:
        get(line)
    assert len(raised.value.partial) == whole // 4
    assert raised.value.expected == whole - whole // 4
    line.close()
    assert len(get(line)[1]) == whole


def test_a_body_that_was_cut_before_its_length_was_told(line):
    order(line, fault="truncated", keep=100, honest=True)
    answer, body = get(line)
    assert len(body) == 100 == int(answer.headers["content-length"])
    assert get(line)[0].status == 200  # on the same connection


def test_an_answer_that_never_comes(line):
    order(line, fault="hang", seconds=0.3)
    began = time.perf_counter()
    with pytest.raises(ConnectionResetError):
        get(line)
    assert time.perf_counter() - began >= 0.3


def test_who_waits_no_longer_is_let_go(site_url, line):
    order(line, fault="hang")
    impatient = HTTPConnection(site_url.removeprefix("http://"), timeout=0.3)
    with pytest.raises(TimeoutError):
        get(impatient)
    impatient.close()
    assert get(line)[0].status == 200


def test_a_slow_answer_holds_up_nobody_else(site_url, line):
    order(line, fault="latency", seconds=1.0)
    slow = HTTPConnection(site_url.removeprefix("http://"), timeout=10)
    slow.request("GET", PATH)
    began = time.perf_counter()
    while json.loads(get(line, "/_faults")[1])["active"]:  # until the slow one has met its rule
        assert time.perf_counter() - began < 0.9
    assert get(line)[0].status == 200
    assert time.perf_counter() - began < 0.9
    assert slow.getresponse().status == 200
    slow.close()


def test_the_journal_tells_which_got_no_answer(line):
    since = time.time()
    order(line, fault="reset")
    with pytest.raises(ConnectionResetError):
        get(line)
    line.close()
    get(line)
    told = json.loads(get(line, f"/_requests?since={since}")[1])
    assert told["by_status"] == {"0": 1, "200": 1}
