"""No repr, no error and no log line shows a secret, whatever the secret looks like."""

import importlib
import inspect
import io
import logging
import pickle
import pkgutil
import re
import traceback
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import fields, is_dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from cryptography.fernet import Fernet
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from pydantic import BaseModel, SecretStr
from sqlalchemy import exc, insert

from scrapinsta_ray import api, domain, instagram, settings, store
from scrapinsta_ray.api.auth import Credential
from scrapinsta_ray.client import Client
from scrapinsta_ray.errors import Misconfigured
from scrapinsta_ray.instagram.session import AccountSession
from scrapinsta_ray.settings import Settings
from scrapinsta_ray.store import accounts, schema
from scrapinsta_ray.store.accounts import Credentials, Login
from scrapinsta_ray.store.clients import NewKey
from scrapinsta_ray.store.database import Database
from scrapinsta_ray.store.sealing import unsealed
from scrapinsta_ray.store.tables import accounts as account_rows
from scrapinsta_ray.store.tokens import SigningKey
from scrapinsta_ray.telemetry import logs

MARK = "m4rk3d"
_texts = st.one_of(
    st.text(st.characters(exclude_categories=["Cs"]), max_size=12),
    st.text(st.sampled_from("@:/?#%&=,;+[]'\"\\ é0a"), max_size=12),  # what addresses are made of
)
marked = st.builds(lambda before, after: f"{before}{MARK}{after}", _texts, _texts)
"""Secrets of any look, all with MARK inside."""

SHOWS: dict[str, Callable[[str], object]] = {
    "settings": lambda s: Settings(database_url=SecretStr(s), secret_key=SecretStr(s)),
    "new key": lambda s: NewKey("0" * 12, "acme", s),
    "credentials": lambda s: Credentials("bot_1", s, [{"name": "sessionid", "value": s}]),
    "login": lambda s: Login("bot_1", s),
    "signing key": lambda s: SigningKey("k1", s.encode(), False),
    "credential": lambda s: Credential(s, True),
    "session": lambda s: AccountSession(None, "http://site", "bot_1", s, [{"value": s}]),  # type: ignore[arg-type]
    "client": lambda s: Client("http://server", s.encode().hex() + MARK, token=MARK),
}


@pytest.mark.parametrize("what", SHOWS)
@hypothesis_settings(suppress_health_check=[HealthCheck.too_slow], deadline=None, max_examples=30)
@given(secret=marked)
def test_no_value_shows_its_secret(what: str, secret: str) -> None:
    value = SHOWS[what](secret)
    for shown in (repr(value), str(value), f"{[value]}", f"{value!r:>3}"):
        assert MARK not in shown
    with suppress(AttributeError):
        value.close()  # type: ignore[attr-defined]


HOLDS = re.compile(r"password|secret|token|cookies|plaintext|api_key|fernet")
HARMLESS = {"token_type", "token_ttl_s", "token_revoked", "passwords", "cookies_saved"}


def records(*rooms: ModuleType) -> Iterator[type]:
    """Every dataclass and pydantic model of the rooms."""
    names = [info.name for room in rooms for info in pkgutil.iter_modules(room.__path__, f"{room.__name__}.")]
    for module in map(importlib.import_module, [name for name in names if "migrations" not in name]):
        for _name, kind in inspect.getmembers(module, inspect.isclass):
            if kind.__module__ == module.__name__ and (is_dataclass(kind) or issubclass(kind, BaseModel)):
                yield kind


def shown_fields(kind: Any) -> Iterator[str]:
    if issubclass(kind, BaseModel):
        yield from (
            name for name, field in kind.model_fields.items() if field.repr and _is_text(field.annotation)
        )
    else:
        yield from (field.name for field in fields(kind) if field.repr and _is_text(field.type))


def _is_text(annotation: object) -> bool:
    return not any(word in str(annotation) for word in ("int", "bool", "SecretStr"))


def test_no_record_shows_a_field_that_is_named_like_a_secret() -> None:
    kinds = list(records(api, domain, instagram, store))
    assert {"Credentials", "NewKey", "LoginBody"} <= {kind.__name__ for kind in kinds}
    shown = [f"{kind.__name__}.{name}" for kind in kinds for name in shown_fields(kind) if HOLDS.search(name)]
    assert [name for name in shown if name.partition(".")[2] not in HARMLESS] == []


def said(work: Callable[[], Any]) -> str:
    """All that a log could show of what `work` raises: the message, its causes, the traceback, and it pickled."""
    try:
        work()
    except Exception as error:  # noqa: BLE001 - any error may show too much
        with suppress(TypeError, AttributeError):
            return "".join(traceback.format_exception(error)) + str(pickle.dumps(error))
        return "".join(traceback.format_exception(error))
    return ""


@hypothesis_settings(deadline=None)
@given(
    secret=marked,
    form=st.sampled_from(
        [
            "mysql://u:{}@host:3306/db",
            "mysql://u:{}@host/db?charset=utf8mb4",
            "mysql://{}",
            "{}://u@host/db",
            "mysql://u:p@host:{}/db",
            "{}",
        ]
    ),
)
def test_a_wrong_address_of_a_database_repeats_nothing_of_it(secret: str, form: str) -> None:
    shown = []

    def connect() -> None:
        db = Database(form.format(secret))
        shown.append(repr(db))
        db.dispose()

    text = said(connect)
    lines = "".join(line for line in text.splitlines() if "form.format" not in line)
    assert MARK not in lines
    if "@host" in form and form.startswith("mysql://u:{"):
        assert MARK not in "".join(shown)


@given(secret=marked)
def test_what_is_no_secret_key_is_not_repeated(secret: str) -> None:
    text = said(lambda: Settings(secret_key=SecretStr(secret)).fernet)
    assert "Misconfigured" in text and MARK not in text


@given(sealed=st.binary(max_size=60))
def test_what_cannot_be_opened_is_not_repeated(sealed: bytes) -> None:
    text = said(lambda: unsealed(settings._sealer(Fernet.generate_key().decode(), "here"), sealed, "bot_1"))
    assert "Misconfigured" in text and "InvalidToken" not in text


CHECKED = sorted(set(settings.SECRETS) - {"SCRAPINSTA_METRICS_TOKEN"})  # of that any text is a right one


@pytest.mark.parametrize("name", CHECKED)
def test_a_wrong_environment_names_the_variable_only(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, f"mysql//{MARK}")
    text = said(lambda: (settings.load().fernet, Database(settings.load().url)))
    assert name in text and MARK not in text


def test_a_child_that_needs_none_gets_no_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    assert set(settings.SECRETS) >= {"SCRAPINSTA_SECRET_KEY", "SCRAPINSTA_DATABASE_URL"}
    for name in settings.SECRETS:
        monkeypatch.setenv(name, MARK)
    assert MARK in settings.child_environment().values()
    assert MARK not in settings.child_environment(secrets=False).values()


def test_an_error_of_the_database_shows_no_value(tmp_path: Path) -> None:
    db = Database(f"sqlite:///{tmp_path}/store.db")
    schema.upgrade(db)

    def twice() -> None:
        with db.begin() as tx:
            row = {"username": "bot_1", "password": MARK.encode(), "status": MARK, "slowness": 1}
            tx.execute(insert(account_rows), [row, row])

    with pytest.raises(exc.DBAPIError) as raised:
        twice()
    assert MARK not in str(raised.value)
    assert MARK not in said(twice).replace("MARK", "")
    db.dispose()


def test_the_logs_show_no_secret_of_an_error_that_is_logged(tmp_path: Path) -> None:
    db = Database(f"sqlite:///{tmp_path}/store.db")
    schema.upgrade(db)
    old, new = (settings._sealer(Fernet.generate_key().decode(), "here") for _ in range(2))
    accounts.add(db, old, "bot_1", MARK)
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(logs.JsonLines())
    log = logging.getLogger("tests.secrets")
    log.addHandler(handler)
    log.propagate = False
    try:
        accounts.credentials(db, new, "bot_1")
    except Misconfigured:
        log.exception("cannot open %s", accounts.credentials(db, old, "bot_1"))
    finally:
        log.removeHandler(handler)
        db.dispose()
    assert "another key" in stream.getvalue() and MARK not in stream.getvalue()
