"""Fields of profiles by the words they use."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scrapinsta_ray.domain.rubros import Rubro, Rules, fold, load
from scrapinsta_ray.errors import Misconfigured


@pytest.mark.parametrize(
    ("category", "biography", "name", "evidence"),
    [
        (None, "Fotógrafa en Madrid | bodas y retratos", "photography", ("fotógrafo", "fotógrafa")),
        ("Photographer", None, "photography", ("photographer",)),
        (None, "PERSONAL TRAINER 💪 online", "fitness", ("personal trainer",)),
        (None, "Mamá de dos", "family", ("mamá",)),
        (None, "mama de dos", "family", ("mamá",)),
        ("Restaurant", "Live music every friday", "food", ("restaurant",)),
        (None, "Entrenadora personal y nutricionista", "fitness", ("entrenadora personal",)),
    ],
)
def test_words_of_both_languages(
    category: str | None, biography: str | None, name: str, evidence: tuple[str, ...]
) -> None:
    found = load().find(category, biography)
    assert found
    assert found.name == name
    assert found.evidence[0] in evidence


@pytest.mark.parametrize(
    "biography",
    [None, "", "Smart, artless and heartfelt", "catalog", "Café", "I ate", "concert of the nation"],
)
def test_parts_of_words_say_nothing(biography: str | None) -> None:
    assert Rules({"art": ["art"], "pets": ["cat"], "food": ["cafetería"]}).find(None, biography) is None


def test_the_category_is_worth_three_words() -> None:
    rules = Rules({"a": ["one", "two", "three", "four"], "b": ["bee"]})
    assert rules.find("Bee", "one two") == Rubro("b", ("bee",))
    assert rules.find("Bee", "one two three") == Rubro("a", ("one", "two", "three"))  # as many: the first
    assert rules.find(None, "one one one bee bee") == Rubro("a", ("one",))  # said twice is said once


def test_the_longest_word_counts() -> None:
    rules = Rules({"motor": ["car"], "clean": ["car wash"]})
    assert rules.find(None, "The car wash") == Rubro("clean", ("car wash",))


def test_a_file_of_one_s_own_comes_first(tmp_path: Path) -> None:
    own = tmp_path / "own.json"
    own.write_text(
        json.dumps(
            {
                "version": "x",
                "rubros": [{"name": "kites", "words": ["cometas"]}, {"name": "music", "en": ["theremin"]}],
            }
        )
    )
    rules = load(own)
    assert rules.find(None, "Cometas") == Rubro("kites", ("cometas",))
    assert rules.find(None, "theremin") == Rubro("music", ("theremin",))
    assert rules.find(None, "Singer") == Rubro("music", ("singer",))
    assert load().find(None, "theremin") is None


@pytest.mark.parametrize(
    "text",
    ["", "[]", '{"version": "1"}', '{"version": "1", "rubros": [{"name": "Not A Name"}]}', '{"rubros": 3'],
)
def test_a_wrong_file_is_told(tmp_path: Path, text: str) -> None:
    own = tmp_path / "own.json"
    own.write_text(text)
    with pytest.raises(Misconfigured, match=r"own\.json"):
        load(own)


def test_a_missing_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match=r"nowhere\.json cannot be read"):
        load(tmp_path / "nowhere.json")


@given(st.text(), st.text())
def test_any_text_is_read_and_the_evidence_is_in_it(category: str, biography: str) -> None:
    if found := load().find(category, biography):
        assert found.evidence
        texts = f" {fold(category)} | {fold(biography)} "
        assert all(f" {fold(word)} " in texts for word in found.evidence)


@given(st.text())
def test_folding_twice_changes_nothing(text: str) -> None:
    assert fold(fold(text)) == fold(text)


def test_each_word_of_the_rules_is_found_by_itself() -> None:
    """So none hides behind another, and none has a letter that folding would lose."""
    file = Path(__file__).parents[2] / "scrapinsta_ray" / "domain" / "rubros.json"
    for rubro in json.loads(file.read_text())["rubros"]:
        for word in [*rubro["en"], *rubro["es"]]:
            found = load().find(None, word)
            assert found, word
            assert fold(word) in map(fold, found.evidence)
