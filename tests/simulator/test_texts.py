"""How the pages shorten numbers and choose their language."""

import pytest

from scrapinsta_ray.simulator.texts import ENGLISH, SPANISH, exact, language_of, shortened


@pytest.mark.parametrize(
    ("number", "english", "spanish"),
    [
        (0, "0", "0"),
        (999, "999", "999"),
        (1_234, "1,234", "1.234"),
        (9_999, "9,999", "9.999"),
        (10_000, "10K", "10\u00a0mil"),
        (12_399, "12.3K", "12,3\u00a0mil"),
        (999_999, "999.9K", "999,9\u00a0mil"),
        (1_000_000, "1M", "1\u00a0M"),
        (1_299_999, "1.2M", "1,2\u00a0M"),
        (52_979_346, "52.9M", "52,9\u00a0M"),
    ],
)
def test_numbers_are_shortened_by_rounding_down(number, english, spanish):
    assert (shortened(number, "en"), shortened(number, "es")) == (english, spanish)


@pytest.mark.parametrize(
    ("number", "style", "shown"),
    [
        (1_234, "space", "1 234"),
        (1_234, "nbsp", "1\u00a0234"),
        (1_234, "narrow", "1\u202f234"),
        (1_000_000, "words", "1 millón"),
        (2_000_000, "words", "2 millones"),
        (1_250_000, "words", "1,2 millones"),
        (12_300, "space", "12,3 mil"),
    ],
)
def test_other_ways_of_writing_numbers(number, style, shown):
    assert shortened(number, style) == shown


def test_exact_numbers_are_grouped():
    assert (exact(1_234_567, "en"), exact(1_234_567, "es")) == ("1,234,567", "1.234.567")


@pytest.mark.parametrize(
    ("asked", "accepted", "language"),
    [
        (None, None, "en"),
        ("es", "en-US,en;q=0.9", "es"),
        (None, "es-ES,es;q=0.9,en;q=0.8", "es"),
        (None, "fr-FR,es;q=0.5", "es"),
        ("xx", "de", "en"),
        ("en", "es", "en"),
    ],
)
def test_language(asked, accepted, language):
    assert language_of(asked, accepted) == language


def test_both_languages_say_the_same_things():
    assert ENGLISH.keys() == SPANISH.keys()
