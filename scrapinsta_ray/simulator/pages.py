"""Rendering: templates, the words of the visitor's language, inline JSON."""

import json
from functools import partial
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import HTMLResponse

from scrapinsta_ray.simulator import json_shapes as shapes
from scrapinsta_ray.simulator.site import Site, site_of, visit_of
from scrapinsta_ray.simulator.texts import NUMBERS, TEXTS, exact, shortened


def inline(value: Any) -> Markup:
    """JSON that may stand inside a script element: nothing in it can end the element."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return Markup(text.replace("<", "\\u003C").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029"))


def hue(pk: int) -> int:
    """A colour of one's own instead of a picture, 0..359."""
    return pk * 47 % 360


def _environment() -> Environment:
    folder = Path(__file__).parent / "templates"
    env = Environment(
        loader=FileSystemLoader(folder),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    env.globals.update(exact=exact, shortened=shortened, hue=hue, inline=inline)
    return env


_ENVIRONMENT = _environment()


def render(template: str, **values: Any) -> str:
    """A page of the simulator's own, which is no part of the site."""
    return _ENVIRONMENT.get_template(template).render(**values)


def page(
    request: Request, template: str, status: int = 200, language: str | None = None, **values: Any
) -> HTMLResponse:
    """One page in the visitor's language.

    `t` are its words, `c` its class names, `n` how numbers are written, `viewer` who is logged in, `over` the dialog
    that lies over it.
    """
    site, visit = site_of(request), visit_of(request)
    spoken = language or visit.language
    style = visit.layout.numbers or spoken
    viewer = site.population.find(visit.account) if visit.account else None
    html = _ENVIRONMENT.get_template(template).render(
        t=TEXTS[spoken],
        lang=spoken,
        n=style,
        c=site.looks,
        look=visit.layout,
        viewer=viewer,
        viewer_json=shapes.page_viewer(viewer) if viewer else None,
        fragment=partial(_fragment, site, spoken, style, visit.layout.views),
        **{"over": None, "popup": False, **values},
    )
    return HTMLResponse(html, status)


def _fragment(site: Site, language: str, style: str, views: str, name: str) -> Markup:
    """A script or the style sheet, which all pages of one language share: rendered once."""
    key = f"{name} {language} {style} {views}"
    if key not in site.fragments:
        template = _ENVIRONMENT.get_template(name)
        words = {"t": TEXTS[language], "c": site.looks, "numbers": NUMBERS[style], "views": views}
        site.fragments[key] = Markup(template.render(**words))
    return site.fragments[key]
