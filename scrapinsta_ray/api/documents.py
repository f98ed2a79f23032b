"""One OpenAPI document for all four applications; what routes and models say in it beyond their types."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute
from pydantic import ConfigDict

from scrapinsta_ray import __version__
from scrapinsta_ray.api.errors import envelope

Json = dict[str, Any]

REFUSALS: dict[str, tuple[int, str]] = {
    "MALFORMED_JSON": (400, "The body is not JSON that we take: it is not UTF-8."),
    "NO_CREDENTIALS": (401, "Send your key in the header X-Api-Key, or a token as Authorization: Bearer."),
    "BAD_CREDENTIALS": (401, "This key or token is not known, has expired or was revoked."),
    "TOKEN_EXPIRED": (401, "This token's time is over: log in again."),
    "TOKEN_REVOKED": (401, "This token, or the key that made it, was revoked: log in again."),
    "HTTPS_REQUIRED": (403, "Come by https://."),
    "CLIENT_SUSPENDED": (403, "This client is suspended: ask the operator."),
    "WRONG_CLIENT": (403, "X-Client-Id is not the client of this key or token."),
    "SCOPE_MISSING": (403, "The key lacks the scope send."),
    "TOKEN_OF_A_JOB": (403, "This token is for one job alone: use the key."),
    "KEY_NEEDED": (403, "This token was made with a token: make another with the key."),
    "OPTED_OUT": (403, "This person asked not to be written to: only the operator may take that back."),
    "JOB_NOT_FOUND": (404, "There is no such job."),
    "TASK_NOT_FOUND": (404, "There is no such task for this account."),
    "TEMPLATE_NOT_FOUND": (404, "There is no such template."),
    "SUPPRESSION_NOT_FOUND": (404, "This person is not on your list."),
    "BODY_TOO_SLOW": (408, "The body did not arrive within 15 seconds."),
    "CONFLICT": (409, "The lease is no longer yours, or the task ended otherwise: forget it."),
    "TEMPLATE_RETIRED": (409, "This template is retired: take another, or make a new one."),
    "TOO_LARGE": (413, "The body is larger than 1000000 bytes: send it in parts."),
    "VALIDATION_FAILED": (422, "limit: Input should be greater than or equal to 1"),
    "ACCOUNT_MISSING": (422, "Send your account's username in the header X-Account."),
    "ACCOUNT_INVALID": (422, "X-Account: 'a b' is not a username."),
    "PERSON_FORGOTTEN": (422, "This person asked to be forgotten: nothing is collected about them."),
    "REASON_RESERVED": (422, "Only the operator can have a person forgotten."),
    "RATE_LIMITED": (429, "A limit is used up: the details name it, and Retry-After says when to come back."),
    "TOO_MANY_TASKS": (
        429,
        "This client has as many unfinished tasks as it may have: wait until some have ended.",
    ),
    "INTERNAL": (500, "Something went wrong here; the request id finds it in the logs."),
    "DATABASE_AWAY": (503, "The database is away."),
    "MISCONFIGURED": (503, "There are no tokens here: this server was started without a secret key."),
}
"""Every error: its status, and a sentence as it may come with it."""

_ALWAYS = ("HTTPS_REQUIRED", "INTERNAL", "DATABASE_AWAY", "MISCONFIGURED")
_OF_A_BODY = ("MALFORMED_JSON", "BODY_TOO_SLOW", "TOO_LARGE", "VALIDATION_FAILED")
_OF_A_CALLER = (
    "NO_CREDENTIALS", "BAD_CREDENTIALS", "TOKEN_EXPIRED", "TOKEN_REVOKED", "CLIENT_SUSPENDED", "WRONG_CLIENT",
    "SCOPE_MISSING", "TOKEN_OF_A_JOB", "RATE_LIMITED",
)  # fmt: skip

_DETAILS: dict[str, Json] = {
    "SCOPE_MISSING": {"missing": ["send"]},
    "RATE_LIMITED": {"limit": "pulls_per_minute", "per_minute": 60},
    "VALIDATION_FAILED": {
        "fields": [{"field": "limit", "problem": "Input should be greater than or equal to 1"}]
    },
}

_WORDS = {
    400: "Not JSON in UTF-8.",
    401: "No or bad credentials.",
    403: "A scope is missing, the client is suspended, or this is not for this token.",
    404: "Unknown, or another client's: the answer is the same.",
    408: "The body came too slowly.",
    409: "It contradicts what is known.",
    413: "Larger than 1 MB.",
    422: "A field is wrong; `details.fields` says which.",
    429: "A limit is used up; `details.limit` says which.",
    500: "A fault of ours.",
    503: "Not now; nothing was done by halves.",
}

_ERROR_SCHEMA: Json = {
    "title": "Error",
    "description": "Every error. `code` is for programs, `message` says what to do.",
    "type": "object",
    "required": ["error"],
    "additionalProperties": False,
    "properties": {
        "error": {
            "type": "object",
            "required": ["code", "message", "details"],
            "additionalProperties": False,
            "properties": {
                "code": {"type": "string", "enum": sorted(REFUSALS)},
                "message": {"type": "string"},
                "details": {"type": "object"},
            },
        }
    },
}

_REQUEST_ID: Json = {
    "X-Request-ID": {
        "description": "The request's own X-Request-ID, or a new one: it finds the request in the logs.",
        "required": True,
        "schema": {"type": "string", "pattern": "^[A-Za-z0-9._:-]{1,100}$"},
    }
}
_RETRY_AFTER: Json = {
    "Retry-After": {
        "description": "Seconds.",
        "required": True,
        "schema": {"type": "integer", "minimum": 1},
    }
}
_COMES_BACK = (429, 503)

_SECURITY: Json = {
    "key": {
        "type": "apiKey",
        "in": "header",
        "name": "X-Api-Key",
        "description": "A key as `scrapinsta clients create` shows it once: si_<id>_<secret>.",
    },
    "token": {
        "type": "http",
        "scheme": "bearer",
        "bearerFormat": "JWT",
        "description": "A token from /api/auth/login or /api/auth/jwt.",
    },
}

JOB_ID = "job:01a2044800f675049143feafd33fbb87"
TEMPLATE_ID = "tpl:01a2044800f675049143feafd33fbb87"
TIME = "2026-01-31T12:00:00Z"
"""What examples show."""

_TAGS = {
    "enqueue": "Asking for work. The same Idempotency-Key gives the same job again.",
    "send": "The extension's side: messages to send, and what became of them.",
    "jobs": "How far jobs are, what they brought, and their control. A token of one job reaches that job alone.",
    "templates": "Message texts with versions; each is written once per person.",
    "suppressions": "Whom not to write to.",
    "auth": "Short-lived tokens for keys, and their end.",
    "health": "How the system is; open to everybody.",
}

_ABOUT = (
    "Collects public profiles, scores them, and hands messages to a browser extension. Every error is "
    '`{"error": {"code", "message", "details"}}`; every answer carries X-Request-ID. Times are UTC.'
)


# ---- what routes and models say --------------------------------------------------------------------------


def refusals(*codes: str) -> dict[int | str, Json]:
    """For a route's `responses`: the errors of its own, beside those that it has for its shape."""
    return {status: _refusal(status, of_it) for status, of_it in _by_status(codes).items()}


def example(**fields: Any) -> ConfigDict:
    """For a model's `model_config`: what a value looks like."""
    return ConfigDict(json_schema_extra={"examples": [fields]})


def one_of(*groups: tuple[str, ...], example: Json) -> ConfigDict:
    """For a model's `model_config`: of each group exactly one field is given; and what a value looks like."""
    choices: list[Any] = [{"oneOf": [_only(name, group) for name in group]} for group in groups]
    return ConfigDict(json_schema_extra={"examples": [example], "allOf": choices})


def _only(name: str, group: tuple[str, ...]) -> Json:
    """Neither null nor an empty list counts as given."""
    given = {"type": ["string", "array"], "minItems": 1}
    absent = {"type": ["null", "array"], "maxItems": 0}
    return {"required": [name], "properties": {other: given if other == name else absent for other in group}}


# ---- the document ----------------------------------------------------------------------------------------


def merged(apps: Mapping[str, FastAPI]) -> Json:
    """The document of `apps`, given by route prefix, as if they were one application."""
    paths: Json = {}
    schemas: Json = {}
    for prefix, app in apps.items():
        part = get_openapi(title=app.title, version=__version__, routes=app.routes)
        needed = _scopes(app)
        for path, operations in part["paths"].items():
            paths[prefix + path] = {
                verb: _completed(prefix + path, verb, operation, needed.get((verb, path), ()))
                for verb, operation in operations.items()
            }
        for name, schema in part.get("components", {}).get("schemas", {}).items():
            if schemas.setdefault(name, schema) != schema:
                raise ValueError(f"two models are called {name}")
    unused = ("HTTPValidationError", "ValidationError")
    schemas = {name: schema for name, schema in schemas.items() if name not in unused}
    return {
        "openapi": "3.1.0",
        "info": {"title": "ScrapInsta", "version": __version__, "description": _ABOUT},
        "tags": [{"name": name, "description": words} for name, words in _TAGS.items()],
        "paths": paths,
        "components": {"schemas": {**schemas, "Error": _ERROR_SCHEMA}, "securitySchemes": _SECURITY},
    }


def _scopes(app: FastAPI) -> dict[tuple[str, str], Sequence[str]]:
    """(verb, path) -> the scopes that its caller needs, as `requests.needs` has noted them."""
    return {
        (method.lower(), route.path): [
            scope for call in route.dependant.dependencies for scope in noted(call.call)
        ]
        for route in app.routes
        if isinstance(route, APIRoute)
        for method in route.methods or ()
    }


def noted(dependency: object) -> Sequence[str]:
    """The scopes that a dependency asks for."""
    return tuple(getattr(dependency, "scopes", ()))


def _completed(path: str, verb: str, operation: Json, scopes: Sequence[str]) -> Json:
    """With the errors that every operation of this shape has, its scopes, and the headers of every answer."""
    if scopes:
        words = f"{operation.get('description', '')}\n\nScope: {', '.join(scopes)}."
        operation = {**operation, "x-scopes": scopes, "description": words.strip()}
    codes = [*_ALWAYS]
    codes += _OF_A_CALLER if "security" in operation else ()
    codes += _OF_A_BODY if "requestBody" in operation else ()
    codes += ("VALIDATION_FAILED",) if operation.get("parameters") else ()
    responses = _with(operation["responses"], codes)
    whole = {
        **operation,
        "parameters": [{**one, **_SAID_OF.get(one["name"], {})} for one in operation.get("parameters", ())],
        "operationId": "_".join([verb, *path.translate(_BARE).split()]),
        "responses": {status: _with_headers(status, responses[status]) for status in sorted(responses)},
    }
    return {**whole, "security": [{name: []} for name in _SECURITY]} if "security" in operation else whole


_SAID_OF: dict[str, Json] = {
    "x-account": {
        "name": "X-Account",
        "required": True,
        "description": "The client's own account that sends.",
        "schema": {"type": "string", "format": "username", "examples": ["my_account"]},
    },
    "X-Client-Id": {"description": "Optional; if it is there, it must be the client of the key or token."},
    "Idempotency-Key": {"description": "The same key gives the same job again."},
    "job_id": {"schema": {"type": "string", "examples": [JOB_ID]}},
    "template_id": {"schema": {"type": "string", "examples": [TEMPLATE_ID]}},
    "username": {"schema": {"type": "string", "examples": ["ana.garcia"]}},
}
"""Of parameters, by their names: what their types do not say."""

_BARE = str.maketrans("/{}", "   ")


def _with(documented: Mapping[str, Json], codes: Iterable[str]) -> dict[str, Json]:
    """`documented` and these errors; where a status has both, all its examples. FastAPI's own 422 is not ours."""
    found = {status: answer for status, answer in documented.items() if not _is_fastapis(answer)}
    for status, of_it in _by_status(codes).items():
        own = found.setdefault(str(status), _refusal(status, ()))["content"]["application/json"]
        if "examples" in own:
            own["examples"] = {**_examples(of_it), **own["examples"]}
    return found


def _is_fastapis(answer: Json) -> bool:
    schema = answer.get("content", {}).get("application/json", {}).get("schema", {})
    return str(schema.get("$ref", "")).endswith("/HTTPValidationError")


def _with_headers(status: str, answer: Json) -> Json:
    headers = _REQUEST_ID | (_RETRY_AFTER if int(status) in _COMES_BACK else {})
    return {**answer, "headers": headers}


def _refusal(status: int, codes: Iterable[str]) -> Json:
    content = {"schema": {"$ref": "#/components/schemas/Error"}, "examples": _examples(codes)}
    return {"description": _WORDS[status], "content": {"application/json": content}}


def _examples(codes: Iterable[str]) -> Json:
    return {
        code: {"value": envelope(code, REFUSALS[code][1], _DETAILS.get(code, {}))} for code in sorted(codes)
    }


def _by_status(codes: Iterable[str]) -> dict[int, list[str]]:
    found: dict[int, list[str]] = {}
    for code in codes:
        found.setdefault(REFUSALS[code][0], []).append(code)
    return found
