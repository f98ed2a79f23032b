"""A client's message templates: versions of a text, the newest of which is written, once per person."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, and_, func, insert, or_, select, update

from scrapinsta_ray.domain import messages
from scrapinsta_ray.domain.models import UNFINISHED, Kind, TaskStatus
from scrapinsta_ray.errors import TemplateRetired, UnknownTemplate
from scrapinsta_ray.store import audit
from scrapinsta_ray.store.batches import chunks
from scrapinsta_ray.store.database import AnyRow, now, reading, transaction
from scrapinsta_ray.store.ids import new_template_id
from scrapinsta_ray.store.tables import job_tasks, profiles, templates

Person = Mapping[str, str | None]
"""What is known of somebody: the fields of domain/messages.py."""


@dataclass(frozen=True, slots=True)
class Template:
    """The newest version of a template; `created_at` is that version's."""

    id: str
    version: int
    name: str
    text: str
    created_at: datetime
    retired_at: datetime | None


# ---- what a client does with them ------------------------------------------------------------------------


@transaction
def create(tx: Connection, actor: str, client_id: str, name: str, text: str) -> Template:
    """A template's first version. Raises ValueError if the text cannot be rendered for everybody."""
    messages.check(text)
    template_id = new_template_id()
    _add_version(tx, client_id, template_id, 1, name, text)
    audit.note(tx, actor, client_id, "template.created", template_id, name=name)
    return _of(_newest(tx, client_id, template_id))


@transaction
def add_version(tx: Connection, actor: str, client_id: str, template_id: str, text: str) -> Template:
    """A next version, which is used from now on.

    Raises ValueError as `create` does, UnknownTemplate, and TemplateRetired.
    """
    messages.check(text)
    before = _usable(tx, client_id, template_id)
    _add_version(tx, client_id, template_id, before.version + 1, before.name, text)
    audit.note(tx, actor, client_id, "template.changed", template_id, version=before.version + 1)
    return _of(_newest(tx, client_id, template_id))


@transaction
def retire(tx: Connection, actor: str, client_id: str, template_id: str) -> Template:
    """Nothing new is written with it; what is queued still goes out. Raises UnknownTemplate."""
    before = _newest(tx, client_id, template_id)
    if before.retired_at is None:
        tx.execute(
            update(templates)
            .where(templates.c.id == template_id, templates.c.client_id == client_id)
            .values(retired_at=now())
        )
        audit.note(tx, actor, client_id, "template.retired", template_id)
    return _of(_newest(tx, client_id, template_id))


@reading
def get(tx: Connection, client_id: str, template_id: str) -> Template:
    """Its newest version. Raises UnknownTemplate, also for another client's."""
    return _of(_found(tx.execute(_own(client_id, template_id)).one_or_none()))


@reading
def page(tx: Connection, client_id: str, *, before: str | None = None, limit: int = 50) -> Sequence[Template]:
    """The client's templates, newest first, from those older than the id `before` on."""
    later = templates.alias("later")
    newest = select(func.max(later.c.version)).where(later.c.id == templates.c.id).scalar_subquery()
    query = (
        select(templates)
        .where(templates.c.client_id == client_id, templates.c.version == newest)
        .order_by(templates.c.id.desc())
        .limit(limit)
    )
    if before:
        query = query.where(templates.c.id < before)
    return [_of(row) for row in tx.execute(query)]


@reading
def preview(tx: Connection, text: str, usernames: Sequence[str]) -> dict[str, str]:
    """username -> what they would be written, with what is stored of them."""
    known = known_people(tx, usernames)
    return {name: messages.render(text, known.get(name, {"username": name})) for name in usernames}


# ---- what the making of tasks asks -----------------------------------------------------------------------


def text_of(tx: Connection, client_id: str, template_id: str) -> str:
    """The text to write now. Raises UnknownTemplate and TemplateRetired.

    Whoever makes tasks of the same template waits for the end of this transaction, and then sees its tasks: nobody
    is given the same text by two jobs.
    """
    return str(_usable(tx, client_id, template_id).text)


def used(template_id: str | None) -> ColumnElement[bool]:
    """Tasks that carry this text to somebody, did so, or may have: who has one gets no other with it."""
    had_it = or_(job_tasks.c.status.in_(UNFINISHED), written(), in_doubt())
    return and_(job_tasks.c.template_id == template_id, had_it)


def had_by_another(tx: Connection, job_id: str) -> list[int]:
    """Failed messages of a job whose person has the same text from another job by now.

    As with `text_of`, whoever makes tasks of the template waits for the end of this transaction.
    """
    failed = tx.execute(
        select(job_tasks.c.id, job_tasks.c.client_id, job_tasks.c.username, job_tasks.c.template_id).where(
            job_tasks.c.job_id == job_id,
            job_tasks.c.status == TaskStatus.ERROR,
            job_tasks.c.template_id.is_not(None),
        )
    ).all()
    if not failed:
        return []
    client_id, template_id = failed[0].client_id, failed[0].template_id  # a job has one of each
    _newest(tx, client_id, template_id)
    had: set[str] = set()
    for names in chunks(row.username for row in failed):
        others = select(job_tasks.c.username).where(
            job_tasks.c.client_id == client_id,
            job_tasks.c.username.in_(names),
            job_tasks.c.job_id != job_id,
            used(template_id),
        )
        had |= set(tx.scalars(others))
    return [row.id for row in failed if row.username in had]


def in_doubt() -> ColumnElement[bool]:
    """Messages that may have left although nobody said so."""
    fell_silent = and_(
        job_tasks.c.attempts > 0,
        job_tasks.c.status.in_([TaskStatus.ERROR, TaskStatus.CANCELLED]),
        job_tasks.c.reason_code.in_(["lease_expired", "cancelled", "unknown"]),
    )
    return and_(job_tasks.c.kind == Kind.SEND_MESSAGE, or_(job_tasks.c.maybe_sent, fell_silent))


def written() -> ColumnElement[bool]:
    """Messages that ended well, other than in a dry run."""
    not_dry = func.coalesce(job_tasks.c.reason_code, "") != "dry_run"
    return and_(job_tasks.c.kind == Kind.SEND_MESSAGE, job_tasks.c.status == TaskStatus.OK, not_dry)


def known_people(tx: Connection, names: Sequence[str]) -> dict[str, Person]:
    """Fields of those of `names` whose profile is stored."""
    columns = (profiles.c.username, profiles.c.full_name, profiles.c.category)
    rows = tx.execute(select(*columns).where(profiles.c.username.in_(names))).mappings()
    return {row["username"]: dict(row) for row in rows}


# ---- rows ------------------------------------------------------------------------------------------------


def _own(client_id: str, template_id: str) -> Select[Any]:
    return (
        select(templates)
        .where(templates.c.id == template_id, templates.c.client_id == client_id)
        .order_by(templates.c.version.desc())
        .limit(1)
    )


def _newest(tx: Connection, client_id: str, template_id: str) -> AnyRow:
    """The newest version's row, locked."""
    row = tx.execute(_own(client_id, template_id).with_for_update()).one_or_none()
    return _found(row)


def _usable(tx: Connection, client_id: str, template_id: str) -> AnyRow:
    row = _newest(tx, client_id, template_id)
    if row.retired_at is not None:
        raise TemplateRetired(template_id=template_id)
    return row


def _found(row: AnyRow | None) -> AnyRow:
    if row is None:
        raise UnknownTemplate()
    return row


def _add_version(
    tx: Connection, client_id: str, template_id: str, version: int, name: str, text: str
) -> None:
    tx.execute(
        insert(templates).values(
            id=template_id, version=version, client_id=client_id, name=name, text=text, created_at=now()
        )
    )


def _of(row: AnyRow) -> Template:
    return Template(row.id, row.version, row.name, row.text, row.created_at, row.retired_at)
