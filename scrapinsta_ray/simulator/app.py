"""Puts the site together."""

from starlette.applications import Starlette
from starlette.middleware import Middleware

from scrapinsta_ray.simulator import api, truth, views
from scrapinsta_ray.simulator.gate import Gate
from scrapinsta_ray.simulator.population import Population
from scrapinsta_ray.simulator.sessions import Sessions
from scrapinsta_ray.simulator.site import Site


def make_app(population: Population) -> Starlette:
    """The whole site over one population; its state lives as long as the application."""
    site = Site(population, Sessions(population))
    app = Starlette(
        routes=[*truth.ROUTES, *api.ROUTES, *views.ROUTES],
        middleware=[Middleware(Gate, site=site)],
        exception_handlers={404: views.not_found},
    )
    app.state.site = site
    return app
