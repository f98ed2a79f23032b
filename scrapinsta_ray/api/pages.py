"""The pages that need no key: what the cluster can be asked, read in a browser, and a word of welcome.

Swagger UI comes from our own address, from the package fastapi-offline: nothing is loaded from elsewhere.
"""

import base64
import hashlib

from fastapi import FastAPI
from fastapi.responses import HTMLResponse, Response
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

_STYLE = "body{font:16px/1.5 system-ui;max-width:40rem;margin:4rem auto;padding:0 1rem}"

_WELCOME = f"""<!doctype html><html lang="en"><meta charset="utf-8"><title>ScrapInsta</title>
<style>{_STYLE}</style>
<h1>ScrapInsta</h1>
<p>The cluster is up. <a href="/ready">How it is</a> · <a href="/docs">What it can be asked</a> ·
<a href="/openapi.json">the same for programs</a></p></html>"""


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
    def welcome() -> HTMLResponse:
        return HTMLResponse(_WELCOME, headers={"Content-Security-Policy": _with_style(_STYLE)})


def _with_style(style: str) -> str:
    """The policy of a page with this one style in it."""
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    return HTML_POLICY.replace("style-src 'self'", f"style-src 'self' 'sha256-{digest}'")
