"""A profile's page says in words what its score is made of, how sure it is, or why there is none."""

import re
from datetime import UTC, datetime, timedelta

import pytest
from starlette.testclient import TestClient

from scrapinsta_ray.console import texts
from scrapinsta_ray.domain.models import Media, MediaKind, Profile
from scrapinsta_ray.domain.scoring import MODELS, REASONS, columns_of, scores_of
from scrapinsta_ray.store import profiles
from scrapinsta_ray.store.database import Database, transaction

READ_AT = datetime(2026, 11, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize("language", texts.LANGUAGES)
def test_every_part_and_every_reason_has_words_in_both_languages(language: str) -> None:
    parts = {part for model in MODELS.values() for part in model(columns_of([])).parts}
    codes = parts | {reason for reason in REASONS if reason}
    assert codes <= set(texts.WORDS)
    assert all("_" not in texts.Say(language).word(code) for code in codes)
    spoken = {code: texts.Say(language).word(code) for code in parts}
    assert len(set(spoken.values())) == len(spoken)


def rows(http: TestClient, username: str, language: str) -> dict[str, str]:
    """What the page's tables say, by their headings."""
    page = http.get(f"/console/profiles/{username}", headers={"accept-language": language}).text
    found = re.findall(r'<th scope="row">(.*?)</th><td[^>]*>(.*?)</td>', page, re.DOTALL)
    return {name: re.sub(r"<[^>]+>", "", value).strip() for name, value in found}


def test_a_profiles_page_shows_confidence_field_and_parts(operators: TestClient, db: Database) -> None:
    posts = [
        Media(f"c{n}", f"{n}", READ_AT - timedelta(days=3 + n), MediaKind.REEL, 40, 2, 300) for n in range(9)
    ]
    ana = Profile(
        "ana", followers=900, posts=40, media=tuple(posts), rubro="food", rubro_evidence=("café", "pan")
    )
    [score] = scores_of([ana], READ_AT)
    transaction(profiles.store)(db, [ana], [score])
    for language in texts.LANGUAGES:
        say = texts.Say(language)
        said = rows(operators, "ana", language)
        assert said[say("Confidence")] == f"{score.confidence:.2f}"
        assert said[say("Field")] == "food café, pan"
        assert said[say("Score")].startswith(f"{score.success:.3f}")
        assert {say.word(part) for part in score.parts} <= said.keys()
        assert said[say.word("coverage")] == "1"


@pytest.mark.parametrize("language", texts.LANGUAGES)
def test_without_a_score_it_says_why(operators: TestClient, db: Database, language: str) -> None:
    luz = Profile("luz", followers=900, posts=0)
    transaction(profiles.store)(db, [luz], scores_of([luz], READ_AT))
    say = texts.Say(language)
    said = rows(operators, "luz", language)
    assert said[say("Score")].startswith("–") and say.word("no_media") in said[say("Score")]
    assert said[say("Field")] == "–"
    assert say("Confidence") not in said
