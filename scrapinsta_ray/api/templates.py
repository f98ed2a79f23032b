"""Message templates: /templates."""

import re
from datetime import datetime
from typing import Annotated

from fastapi import Depends, FastAPI, Query
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints

from scrapinsta_ray.api import documents
from scrapinsta_ray.api.documents import TIME, example, refusals
from scrapinsta_ray.api.requests import needs
from scrapinsta_ray.domain import messages, usernames
from scrapinsta_ray.errors import UnknownTemplate
from scrapinsta_ray.store import templates
from scrapinsta_ray.store.clients import Caller
from scrapinsta_ray.store.database import Database
from scrapinsta_ray.store.templates import Template

TEMPLATE_ID = re.compile(r"tpl:[0-9a-f]{32}")

Sender = Annotated[Caller, Depends(needs("send"))]
Limit = Annotated[int, Query(ge=1, le=1_000)]
Cursor = Annotated[str | None, Query(pattern=f"^{TEMPLATE_ID.pattern}$")]


def _renderable(text: str) -> str:
    messages.check(text)
    return text


def _known_id(template_id: str) -> str:
    """What cannot be an id is as unknown as another client's."""
    if not TEMPLATE_ID.fullmatch(template_id):
        raise UnknownTemplate()
    return template_id


Text = Annotated[
    str,
    Field(
        description="may name {username}, {full_name}, {first_name}, {category}",
        examples=["Hola {first_name}, ¿qué tal?"],
        json_schema_extra={"format": "message-text", "minLength": 1, "maxLength": messages.MAX_LENGTH},
    ),
    AfterValidator(_renderable),
]
Name = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=100, pattern=r"[^\s\x1c-\x1f]"),
]
TemplateId = Annotated[str, Depends(_known_id)]
Username = Annotated[
    str,
    Field(description="a name, @name, or a profile's address", json_schema_extra={"format": "username"}),
    AfterValidator(usernames.normalize),
]
People = Annotated[list[Username], Field(min_length=1, max_length=100, examples=[["ana.garcia"]])]


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class NewTemplate(_Body):
    """A name for people, and the first version of the text."""

    model_config = example(name="First contact", text="Hola {first_name}, ¿qué tal?")

    name: Name
    text: Text


class NewVersion(_Body):
    """The text from now on; what is queued keeps its own."""

    model_config = example(text="Hola {first_name}, ¿cómo va?")

    text: Text


class PreviewBody(_Body):
    """For whom the text is to be filled in."""

    model_config = example(usernames=["ana.garcia"])

    usernames: People


class TextPreviewBody(PreviewBody):
    """A text that need not be stored."""

    model_config = example(text="Hola {first_name}", usernames=["ana.garcia"])

    text: Text


_SHOWN = {
    "id": documents.TEMPLATE_ID, "version": 1, "name": "First contact", "text": "Hola {first_name}",
    "created_at": TIME, "retired_at": None,
}  # fmt: skip


class TemplateAnswer(BaseModel):
    """The newest version of a template; `created_at` is that version's."""

    model_config = example(**_SHOWN)

    id: str
    version: int
    name: str
    text: str
    created_at: datetime
    retired_at: datetime | None


class TemplatePage(BaseModel):
    """Some templates, newest first; `next_cursor` is null on the last page."""

    model_config = example(items=[_SHOWN], next_cursor=None)

    items: list[TemplateAnswer]
    next_cursor: str | None


class Rendered(BaseModel):
    """What one person would be written."""

    username: str
    text: str


class PreviewAnswer(BaseModel):
    """In the order asked for."""

    model_config = example(items=[{"username": "ana.garcia", "text": "Hola Ana"}])

    items: list[Rendered]


_UNKNOWN = refusals("TEMPLATE_NOT_FOUND")


def add_templates(app: FastAPI, db: Database) -> None:
    """Adds /templates. What another client has is unknown."""

    @app.post("/templates", tags=["templates"], summary="A new template")
    def create(body: NewTemplate, caller: Sender) -> TemplateAnswer:
        return _shown(templates.create(db, caller.actor, caller.client_id, body.name, body.text))

    @app.get("/templates", tags=["templates"], summary="All templates")
    def page(caller: Sender, cursor: Cursor = None, limit: Limit = 50) -> TemplatePage:
        found = templates.page(db, caller.client_id, before=cursor, limit=limit + 1)
        items = [_shown(template) for template in found[:limit]]
        return TemplatePage(items=items, next_cursor=items[-1].id if len(found) > limit else None)

    @app.post(
        "/templates/preview",
        tags=["templates"],
        name="preview_text",
        summary="What a text would say to people",
    )
    def preview_text(body: TextPreviewBody, _caller: Sender) -> PreviewAnswer:
        return _preview(db, body.text, body.usernames)

    @app.get("/templates/{template_id}", tags=["templates"], summary="One template", responses=_UNKNOWN)
    def get(template_id: TemplateId, caller: Sender) -> TemplateAnswer:
        return _shown(templates.get(db, caller.client_id, template_id))

    @app.post(
        "/templates/{template_id}/versions",
        tags=["templates"],
        summary="A new text",
        responses=refusals("TEMPLATE_NOT_FOUND", "TEMPLATE_RETIRED"),
    )
    def add_version(template_id: TemplateId, body: NewVersion, caller: Sender) -> TemplateAnswer:
        return _shown(templates.add_version(db, caller.actor, caller.client_id, template_id, body.text))

    @app.post(
        "/templates/{template_id}/retire",
        tags=["templates"],
        summary="Nothing new is written with it",
        responses=_UNKNOWN,
    )
    def retire(template_id: TemplateId, caller: Sender) -> TemplateAnswer:
        return _shown(templates.retire(db, caller.actor, caller.client_id, template_id))

    @app.post(
        "/templates/{template_id}/preview",
        tags=["templates"],
        summary="What a template would say to people",
        responses=_UNKNOWN,
    )
    def preview(template_id: TemplateId, body: PreviewBody, caller: Sender) -> PreviewAnswer:
        return _preview(db, templates.get(db, caller.client_id, template_id).text, body.usernames)


def _preview(db: Database, text: str, names: list[str]) -> PreviewAnswer:
    rendered = templates.preview(db, text, names)
    return PreviewAnswer(items=[Rendered(username=name, text=rendered[name]) for name in names])


def _shown(template: Template) -> TemplateAnswer:
    return TemplateAnswer(
        id=template.id,
        version=template.version,
        name=template.name,
        text=template.text,
        created_at=template.created_at,
        retired_at=template.retired_at,
    )
