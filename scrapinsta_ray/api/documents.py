"""One OpenAPI document for all four applications."""

from collections.abc import Mapping
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from scrapinsta_ray import __version__

_ERROR = {
    "description": "An error, in the one envelope.",
    "content": {
        "application/json": {
            "schema": {
                "type": "object",
                "required": ["error"],
                "properties": {
                    "error": {
                        "type": "object",
                        "required": ["code", "message", "details"],
                        "properties": {
                            "code": {"type": "string", "examples": ["JOB_NOT_FOUND"]},
                            "message": {"type": "string"},
                            "details": {"type": "object"},
                        },
                    }
                },
            }
        }
    },
}


def merged(apps: Mapping[str, FastAPI]) -> dict[str, Any]:
    """The document of `apps`, given by route prefix, as if they were one application."""
    paths: dict[str, Any] = {}
    schemas: dict[str, Any] = {}
    security: dict[str, Any] = {}
    for prefix, app in apps.items():
        part = get_openapi(title=app.title, version=__version__, routes=app.routes)
        for path, operations in part["paths"].items():
            paths[prefix + path] = {verb: _with_errors(operation) for verb, operation in operations.items()}
        schemas |= part.get("components", {}).get("schemas", {})
        security |= part.get("components", {}).get("securitySchemes", {})
    info = {"title": "ScrapInsta", "version": __version__}
    components = {"schemas": schemas, "securitySchemes": security}
    return {"openapi": "3.1.0", "info": info, "paths": paths, "components": components}


def _with_errors(operation: dict[str, Any]) -> dict[str, Any]:
    responses = {code: answer for code, answer in operation["responses"].items() if code != "422"}
    return {**operation, "responses": {**responses, "4XX": _ERROR, "5XX": _ERROR}}
