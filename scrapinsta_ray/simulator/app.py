"""Puts the site together."""

from starlette.applications import Starlette
from starlette.middleware import Middleware

from scrapinsta_ray.simulator import api, control, truth, views
from scrapinsta_ray.simulator.gate import Gate
from scrapinsta_ray.simulator.population import Population
from scrapinsta_ray.simulator.site import site_over


def make_app(population: Population) -> Starlette:
    """The whole site over one population; its state lives as long as the application."""
    site = site_over(population)
    app = Starlette(
        routes=[*control.ROUTES, *truth.ROUTES, *api.ROUTES, *views.ROUTES],
        middleware=[Middleware(Gate, site=site)],
        exception_handlers={404: views.not_found},
    )
    app.state.site = site
    return app
