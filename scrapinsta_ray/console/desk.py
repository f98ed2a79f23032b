"""What all pages have in common: who looks, in which language, forms with their tokens, and how a page is made."""

import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Annotated, Any
from urllib.parse import parse_qs, quote, urlencode, urlsplit

from fastapi import Depends, Query, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from jinja2 import Environment, PackageLoader, StrictUndefined

from scrapinsta_ray.api.cookies import Cookies, Signed, is_https
from scrapinsta_ray.api.errors import ApiError
from scrapinsta_ray.console import charts, texts
from scrapinsta_ray.console.texts import Say
from scrapinsta_ray.domain.pacing import Pace
from scrapinsta_ray.store.clients import ADMIN, Caller
from scrapinsta_ray.store.database import Database

HOME = "/console"
LANGUAGE = "scrapinsta_language"
FORM = "scrapinsta_form"
"""The cookie that a sign-in form's token must equal, since there is no session yet."""

Screenshot = Callable[[str], bytes]
Place = Annotated[int, Query(ge=0, le=2**63 - 1)]
"""Where a list goes on, as the link of the page before has it."""


@dataclass(frozen=True, slots=True)
class Desk:
    """What the pages are made with. Without `screenshot` no browser can be looked at."""

    db: Database
    cookies: Cookies
    pace: Pace
    max_attempts: int = 4
    screenshot: Screenshot | None = None


class SignInFirst(Exception):
    """Nobody has signed in, or their time is over."""


@dataclass(frozen=True)
class Visit:
    """Somebody who has signed in looks at a page."""

    request: Request
    signed: Signed

    @property
    def caller(self) -> Caller:
        return self.signed.session.caller

    @property
    def is_operator(self) -> bool:
        return ADMIN in self.caller.scopes

    @property
    def sees(self) -> str | None:
        """Whose things are seen: the client's own; None, all, for the operator."""
        return None if self.is_operator else self.caller.client_id

    @cached_property
    def say(self) -> Say:
        return say_of(self.request)

    def may(self, *scopes: str) -> bool:
        """Has the key these scopes?"""
        return self.caller.scopes >= set(scopes)

    def needs(self, *scopes: str) -> None:
        """Raises ApiError 403 for whoever lacks one of the scopes."""
        if lacking := sorted(set(scopes) - self.caller.scopes):
            raise ApiError(
                403, "SCOPE_MISSING", self.say("Your key lacks the scope {scope}.", scope=lacking[0])
            )

    def client(self, named: str) -> str:
        """The client that a page is about: whom the operator names, and for everybody else themselves."""
        return named if named and self.is_operator else self.caller.client_id


def say_of(request: Request) -> Say:
    """The language of the cookie, or the first that the browser asks for and that we speak."""
    wanted = [request.cookies.get(LANGUAGE, ""), *request.headers.get("accept-language", "").split(",")]
    spoken = (part.split(";")[0].strip()[:2].lower() for part in wanted)
    return Say(next((language for language in spoken if language in texts.LANGUAGES), "en"))


async def visit_of(request: Request) -> Visit:
    """A dependency. Raises SignInFirst, or ApiError 403 for who may not look at all."""
    cookies: Cookies = request.app.state.cookies
    signed = await cookies.signed(request)
    if signed is None:
        raise SignInFirst
    visit = Visit(request, signed)
    if visit.caller.status != "active":
        raise ApiError(403, "CLIENT_SUSPENDED", visit.say("This client is suspended: ask the operator."))
    visit.needs("status")
    return visit


async def operator_of(visit: Annotated[Visit, Depends(visit_of)]) -> Visit:
    """A dependency: the operator. To others the page does not exist."""
    if not visit.is_operator:
        raise ApiError(404, "NOT_FOUND", visit.say("There is no such page."))
    return visit


Visitor = Annotated[Visit, Depends(visit_of)]
Operator = Annotated[Visit, Depends(operator_of)]


class Form(dict[str, str]):
    """The fields of a form, each once, trimmed; a field that is not there is empty."""

    def __missing__(self, name: str) -> str:
        return ""

    def number(self, name: str) -> int | None:
        """Raises ValueError for what is no whole number; None if the field is empty."""
        try:
            return int(self[name]) if self[name] else None
        except ValueError:
            raise ValueError(f"{self[name][:20]} is no whole number.") from None


async def read_form(request: Request) -> Form:
    """The fields of the body. Raises ApiError 400."""
    try:
        fields = parse_qs(
            (await request.body()).decode(), keep_blank_values=True, strict_parsing=False, max_num_fields=100
        )
    except ValueError:
        raise ApiError(400, "MALFORMED", "This is no form.") from None
    return Form({name: values[-1].strip() for name, values in fields.items()})


def refuse_strange(request: Request, shown: str, token: str) -> None:
    """Raises ApiError 403 unless the form shows the token, and comes from a page of ours."""
    origin = request.headers.get("origin")
    strange = origin not in (None, "null") and urlsplit(origin).netloc != request.headers.get("host")
    if strange or not token or not secrets.compare_digest(shown.encode(), token.encode()):
        message = say_of(request)("This form is too old: go back, load the page again, and send it anew.")
        raise ApiError(403, "FORM_TOO_OLD", message)


async def form_of(visit: Visitor) -> Form:
    """A dependency: the fields of a form that a page of this session has sent."""
    form = await read_form(visit.request)
    refuse_strange(visit.request, form["csrf"], visit.signed.csrf)
    return form


Sent = Annotated[Form, Depends(form_of)]


# ---- answers ---------------------------------------------------------------------------------------------


_ENVIRONMENT = Environment(
    loader=PackageLoader("scrapinsta_ray.console"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
_ENVIRONMENT.globals.update(charts=charts, home=HOME)


def markup(request: Request, name: str, **context: Any) -> str:
    """The template `name`, in the language of who asks."""
    say: Say = context.pop("say", None) or say_of(request)
    here = request.url.path
    template = _ENVIRONMENT.get_template(name)
    return template.render(
        {"visit": None, "done": "", "csrf": "", **context}, t=say, here=here, query=request.query_params
    )


def show(visit: Visit, name: str, status: int = 200, **context: Any) -> Response:
    """A page for somebody who has signed in."""
    done = texts.DONE.get(visit.request.query_params.get("done", ""), "")
    body = markup(
        visit.request,
        name,
        visit=visit,
        say=visit.say,
        csrf=visit.signed.csrf,
        done=done and visit.say(done),
        **context,
    )
    return _renewed(visit, HTMLResponse(body, status))


def back(visit: Visit, path: str, done: str = "", **more: str) -> Response:
    """To another page of the console, which says what was `done`, one of texts.DONE."""
    query = {name: value for name, value in {**more, "done": done}.items() if value}
    address = f"{HOME}{path}" + (f"?{urlencode(query)}" if query else "")
    return _renewed(visit, RedirectResponse(address, 303))


def _renewed(visit: Visit, response: Response) -> Response:
    """With a cookie that is good for longer, if the one that was shown has been good for a while."""
    if visit.signed.stale:
        cookies: Cookies = visit.request.app.state.cookies
        cookies.put(response, visit.signed, https=is_https(visit.request))
    return response


def local(path: str) -> str:
    """`path` if it is one of ours; else the home page. A form must not send anybody elsewhere."""
    fits = (
        path.startswith(HOME) and "\\" not in path and "//" not in path.split("?")[0] and path.isprintable()
    )
    return path if fits else HOME


def with_query(path: str, query: Mapping[str, Any], **changes: Any) -> str:
    """`path` with the query and its changes; None and empty values are left out."""
    every = {name: value for name, value in {**query, **changes}.items() if value not in (None, "")}
    every.pop("done", None)
    return path + (f"?{urlencode(every, quote_via=quote)}" if every else "")


_ENVIRONMENT.globals.update(with_query=with_query)
