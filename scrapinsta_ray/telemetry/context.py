"""What the work at hand belongs to: said once, in every log line and SQL statement until it ends."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar

_bound: ContextVar[Mapping[str, str]] = ContextVar("bound", default={})  # noqa: B039 - never changed in place


def bound() -> Mapping[str, str]:
    """The fields that hold here: `request_id`, `job_id`, `task_id`, `client`, `account_bot`."""
    return _bound.get()


def request_id() -> str | None:
    """Of the request that this work comes from."""
    return _bound.get().get("request_id")


@contextmanager
def binding(**fields: str | None) -> Iterator[None]:
    """Adds `fields` while the body runs; None leaves a field as it is."""
    token = _bound.set({**_bound.get(), **{name: value for name, value in fields.items() if value}})
    try:
        yield
    finally:
        _bound.reset(token)
