"""Draws the pictures of docs/scores.md from the simulator's people, and writes its table of cases."""

import re
import shutil
import sys
from base64 import b64decode
from datetime import UTC, datetime
from importlib.resources import files
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from selenium import webdriver  # noqa: E402
from selenium.webdriver.chrome.service import Service  # noqa: E402

from scrapinsta_ray import charts  # noqa: E402
from scrapinsta_ray.domain.models import Media, MediaKind, Profile  # noqa: E402
from scrapinsta_ray.domain.scoring import scores_of  # noqa: E402
from scrapinsta_ray.simulator.population import Population, make_population  # noqa: E402
from tests.domain.test_cases import BEGIN, DOCUMENT, END, table  # noqa: E402

NOW = datetime(2026, 11, 1, tzinfo=UTC)
PEOPLE, SEED, READ = 2_000, 7, 12
"""How many people the site has, its seed, and how many posts of each are read."""


def as_read(population: Population) -> list[Profile]:
    """The public profiles of the site as a worker reads them: the newest posts, hidden numbers unknown."""
    users = [population.user(index) for index in range(population.size)]
    return [
        Profile(
            user.username,
            followers=user.followers,
            posts=user.posts,
            media=tuple(
                Media(
                    str(media.pk),
                    media.code,
                    datetime.fromtimestamp(media.taken_at, UTC),
                    MediaKind(media.kind),
                    None if media.hidden else media.likes,
                    media.comments,
                    media.views,
                    media.pinned,
                    media.hidden,
                )
                for media in population.media(user)[:READ]
            ),
        )
        for user in users
        if user.exists and not user.is_private
    ]


def figures(people: list[Profile]) -> dict[str, Any]:
    """The pictures by the names of their files."""
    v1, v2 = (scores_of(people, NOW, model) for model in ("v1", "v2"))
    names = [one.username for one in people]
    success, engagement = [one.success for one in v2], [one.engagement for one in v2]
    against = charts.engagement_scatter(names, [one.followers for one in people], engagement, success)
    return {
        "scores-engagement.png": charts.add_usual(against),
        "scores-models.png": charts.models_compared(
            names, [one.success for one in v1], success, [one.confidence for one in v2]
        ),
    }


def draw(pictures: dict[str, Any], folder: Path) -> None:
    """Writes each figure as a PNG, by Plotly's own file in a Chromium."""
    options = webdriver.ChromeOptions()
    options.binary_location = shutil.which("chromium") or ""
    for flag in ("--headless=new", "--no-sandbox", "--disable-gpu"):
        options.add_argument(flag)
    drawn = """const done = arguments[arguments.length - 1];
        const size = { format: "png", width: 860, height: 520, scale: 1.5 };
        Plotly.toImage(JSON.parse(arguments[0]), size).then(done);"""
    with webdriver.Chrome(options=options, service=Service(shutil.which("chromedriver"))) as driver:
        driver.execute_script(
            (files("plotly") / "package_data" / "plotly.min.js").read_text(encoding="utf-8")
        )
        for name, figure in pictures.items():
            address = driver.execute_async_script(drawn, figure.to_json())
            (folder / name).write_bytes(b64decode(address.partition(",")[2]))


def write_table(document: Path = DOCUMENT) -> None:
    """Puts the table of cases between its two marks."""
    text = document.read_text(encoding="utf-8")
    between = re.compile(f"{re.escape(BEGIN)}.*?{re.escape(END)}", re.DOTALL)
    document.write_text(between.sub(lambda _: f"{BEGIN}\n{table()}{END}", text), encoding="utf-8")


if __name__ == "__main__":
    write_table()
    draw(figures(as_read(make_population(PEOPLE, SEED, NOW))), ROOT / "docs")
