"""The pages as HTML: what is in them, and what must never be."""

import json
import re

import pytest

from scrapinsta_ray.simulator.names import BIOGRAPHIES
from scrapinsta_ray.simulator.population import Population, User

SJS = re.compile(r'<script type="application/json" data-sjs[^>]*>(.*?)</script>', re.DOTALL)


def found(value, key):
    """Every value below `key`, at any depth."""
    if isinstance(value, dict):
        return [inner for k, v in value.items() for inner in ([v] if k == key else []) + found(v, key)]
    if isinstance(value, list):
        return [inner for v in value for inner in found(v, key)]
    return []


def inline(html, key):
    return [hit for script in SJS.findall(html) for hit in found(json.loads(script), key)]


def somebody(people: Population, **wanted) -> User:
    users = (people.user(index) for index in range(people.size))
    return next(u for u in users if u.exists and all(getattr(u, k) == v for k, v in wanted.items()))


def test_a_profile_carries_the_user_in_its_inline_json(bot):
    (user,) = inline(bot.get("/cafe_lucia/").text, "xig_user_by_username")
    assert (user["username"], user["follower_count"], user["following_count"]) == ("cafe_lucia", 18432, 412)


def test_a_profile_carries_its_newest_posts(bot, people):
    (timeline,) = inline(bot.get("/cafe_lucia/").text, "xdt_api__v1__feed__user_timeline_graphql_connection")
    newest = people.media(people.find("cafe_lucia"))[:12]
    assert {e["node"]["code"] for e in timeline["edges"]} >= {m.code for m in newest[:9]}
    assert len(timeline["edges"]) == 12


def test_counts_in_the_header(bot):
    page = bot.get("/cafe_lucia/").text
    assert re.search(r'<a href="/cafe_lucia/followers/"[^>]*><span title="18,432"><span>18.4K<', page)
    assert re.search(r'<a href="/cafe_lucia/following/"[^>]*><span><span>412<', page)
    assert "<span>268</span></span>" in page


def test_a_page_in_spanish(bot):
    for page in [
        bot.get("/cafe_lucia/", headers={"Accept-Language": "es-ES"}).text,
        bot.get("/cafe_lucia/?hl=es").text,
        bot.get("/cafe_lucia/").text,  # the wish is remembered in a cookie
    ]:
        assert 'title="18.432"' in page and "18,4\u00a0mil" in page and "seguidores" in page


def test_verified(bot, people):
    user = somebody(people, is_verified=True)
    assert 'aria-label="Verified"' in bot.get(f"/{user.username}/").text
    assert 'aria-label="Verificado"' in bot.get(f"/{user.username}/?hl=es").text
    assert (
        'aria-label="Verified"'
        not in bot.get("/cafe_lucia/?hl=en").text.split("<main")[1].split("</header>")[0]
    )


def test_a_private_profile_shows_the_header_and_nothing_else(bot, people):
    page = bot.get("/casa_privada/").text
    assert "<h2>This account is private</h2>" in page
    assert "<h2>Esta cuenta es privada</h2>" in bot.get("/casa_privada/?hl=es").text
    assert not any(media.code in page for media in people.media(people.find("casa_privada")))
    assert 'href="/casa_privada/following/"' not in page


@pytest.mark.parametrize("tail", ["", "following/", "reels/", "p/abc/"])
def test_a_missing_profile_is_404(bot, tail):
    answer = bot.get(f"/nadie_aqui/{tail}")
    assert answer.status_code == 404
    assert "<h2>Sorry, this page isn&#39;t available.</h2>" in answer.text


def test_whoever_is_listed_but_gone_has_no_page(bot, people):
    gone = next(people.user(i) for i in range(people.size) if people.crowd.ghost[i])
    assert bot.get(f"/{gone.username}/").status_code == 404


def test_a_biography_cannot_break_out_of_the_page(bot, people):
    user = somebody(people, biography=next(bio for bio in BIOGRAPHIES if "</script>" in bio))
    page = bot.get(f"/{user.username}/").text
    assert inline(page, "xig_user_by_username")[0]["biography"] == user.biography
    assert "</script> (a developer" not in page
    bold = somebody(people, biography=next(bio for bio in BIOGRAPHIES if "<b>" in bio))
    assert "<b>Stronger" not in bot.get(f"/{bold.username}/").text


def test_reels_carry_no_dates(bot):
    (reels,) = inline(bot.get("/cafe_lucia/reels/").text, "xdt_api__v1__clips__user__connection_v2")
    medias = [edge["node"]["media"] for edge in reels["edges"]]
    assert medias and not any("taken_at" in media for media in medias)


def test_a_post_has_its_page(bot, people):
    media = next(m for m in people.media(people.find("cafe_lucia")) if not m.hidden)
    assert f"{media.likes:,} likes" in bot.get(f"/cafe_lucia/p/{media.code}/").text
    assert bot.get("/cafe_lucia/p/none/").status_code == 404


def test_class_names_change_with_every_start(bot, people):
    from scrapinsta_ray.simulator.site import Looks

    assert Looks()["dialog"] != Looks()["dialog"]


@pytest.mark.parametrize(
    "path", ["/cafe_lucia", "/Cafe_Lucia/", "/favicon.ico", "/challenge/x/", "/accounts/suspended/"]
)
def test_small_things_answer(bot, path):
    assert bot.get(path).status_code in (200, 301)


def test_nothing_is_loaded_from_elsewhere(bot):
    for path in ["/", "/cafe_lucia/", "/cafe_lucia/reels/", "/direct/inbox/"]:
        page = bot.get(path).text
        assert not re.search(r'<(?:script|img|iframe)[^>]+src=|<link[^>]+href="(?!/)|url\(', page)


def test_an_unknown_call_is_not_the_bare_words_that_mean_a_challenge(bot):
    answer = bot.get("/api/v1/unknown/")
    assert answer.status_code == 404 and answer.text != "Not Found"
