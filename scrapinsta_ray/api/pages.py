"""The pages that need no key: what the cluster can be asked, read in a browser, and the way to the console.

Swagger UI comes from our own address, from the package fastapi-offline: nothing is loaded from elsewhere.
"""

from fastapi import FastAPI
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from starlette.staticfiles import StaticFiles

from scrapinsta_ray.api.edge import HTML_POLICY

_DOCS = """<!doctype html><html lang="en"><meta charset="utf-8"><title>ScrapInsta: what it can be asked</title>
<link rel="stylesheet" href="/docs/static/swagger-ui.css">
<div id="docs"></div>
<script src="/docs/static/swagger-ui-bundle.js"></script>
<script src="/docs/start.js"></script></html>"""

_START = """SwaggerUIBundle({url: "/openapi.json", dom_id: "#docs", deepLinking: true, validatorUrl: null});
"""

_DOCS_POLICY = HTML_POLICY.replace("style-src 'self'", "style-src 'self' 'unsafe-inline'")
"""Swagger UI writes styles into its elements."""


def add_pages(app: FastAPI) -> None:
    """Adds / and /docs."""

    @app.get("/docs", include_in_schema=False)
    def docs() -> HTMLResponse:
        return HTMLResponse(_DOCS, headers={"Content-Security-Policy": _DOCS_POLICY})

    @app.get("/docs/start.js", include_in_schema=False)
    def start() -> Response:
        return Response(_START, media_type="text/javascript")

    app.mount("/docs/static", StaticFiles(packages=[("fastapi_offline", "static")]))

    @app.get("/", include_in_schema=False)
    def home() -> RedirectResponse:
        return RedirectResponse("/console/")
