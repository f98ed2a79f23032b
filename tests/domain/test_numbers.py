import pytest
from hypothesis import given
from hypothesis import strategies as st

from scrapinsta_ray.domain.numbers import parse_count


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("1,234", 1234),
        ("1.234", 1234),
        ("1 234", 1234),
        ("1\u00a0234", 1234),
        ("1\u202f234\u202f567", 1234567),
        ("1'234", 1234),
        ("12.3K", 12_300),
        ("12.3k", 12_300),
        ("1.2M", 1_200_000),
        ("52M", 52_000_000),
        ("1.1B", 1_100_000_000),
        ("12,3 mil", 12_300),
        ("12,3\u00a0mil", 12_300),
        ("1,2 M", 1_200_000),
        ("1 millón", 1_000_000),
        ("1 millo\u0301n", 1_000_000),
        ("2 millones", 2_000_000),
        ("1,5 mil M", 1_500_000_000),
        ("1,234.5K", 1_234_500),
        ("View Count Icon10.2K", 10_200),
        ("1,234 followers", 1234),
        ("12,3 mil seguidores", 12_300),
        ("1,2 M de seguidores", 1_200_000),
        ("34followers", 34),
        ("12 Me gusta", 12),
        ("0", 0),
        ("52979346", 52_979_346),
        ("1,23,456", 123_456),
        ("٣٤", 34),
    ],
)
def test_every_way_the_site_writes_a_count(text, count):
    assert parse_count(text) == count


MATRIX = [  # as the site writes them, with a mark where there is a space
    ("1,234", 1_234),
    ("1.234", 1_234),
    ("1_234", 1_234),
    ("1_234_567", 1_234_567),
    ("12.3K", 12_300),
    ("1.2M", 1_200_000),
    ("12,3_mil", 12_300),
    ("12_mil", 12_000),
    ("1,2_M", 1_200_000),
    ("1,2_mill.", 1_200_000),
    ("1_millón", 1_000_000),
    ("2_millones", 2_000_000),
    ("1,5_millones", 1_500_000),
    ("View Count Icon10.2K", 10_200),
    ("View Count Icon_10.2K", 10_200),
    ("Icono de número de reproducciones10,2_mil", 10_200),
    ("12,3_mil_seguidores", 12_300),
    ("1,2_M_de_seguidores", 1_200_000),
    ("1_234_Me_gusta", 1_234),
]


@pytest.mark.parametrize("space", [" ", "\u00a0", "\u202f", "\u2009", "\u2007", "\n", " \u200e"])
@pytest.mark.parametrize(("text", "count"), MATRIX)
def test_the_sites_numbers_with_any_space(text, count, space):
    assert parse_count(text.replace("_", space)) == count
    assert parse_count(f"{space}{text.replace('_', space)}{space}") == count


@pytest.mark.parametrize(
    "text",
    [
        None,
        "",
        "followers",
        "-1",
        "- 1",
        "−12",
        "1.23",  # without a unit neither grouped nor a count
        "1.234K",  # 1,234 or 1,234,000
        "1.2345M",
        "1,2,3",
        "12,34,5",
        "3 of 4",
        "3 mil 200",
        "12:30",
        "2024-05-01",
        "100%",
        "1e5",
        "½",
        "10½",
        "1²",
        "12 Tsd.",  # units of languages that are not read
        "1.2万",
        "12万",
        "5 de mayo",
        "2M+",
    ],
)
def test_what_has_no_certain_worth_is_none(text):
    assert parse_count(text) is None


@given(st.integers(0, 10**12), st.sampled_from([",", ".", " ", "\u00a0", "\u202f", "'"]))
def test_grouping_never_changes_a_number(number, separator):
    assert parse_count(f"{number:,}".replace(",", separator)) == number


@given(
    st.integers(0, 999),
    st.integers(0, 9),
    st.sampled_from([("K", 1000), (" mil", 1000), ("M", 10**6), (" M", 10**6), (" millones", 10**6)]),
    st.sampled_from(".,"),
)
def test_a_unit_multiplies(whole, tenth, unit, point):
    word, scale = unit
    assert parse_count(f"{whole}{point}{tenth}{word}") == whole * scale + tenth * scale // 10


@given(st.text(max_size=30))
def test_a_count_is_never_negative_and_needs_a_digit(text):
    count = parse_count(text)
    assert count is None or (count >= 0 and any(char.isdecimal() for char in text))


@given(st.text(alphabet="0123456789.,-KkMm mil%+", max_size=12))
def test_no_digit_is_made_up(text):
    """A count without a unit has the very digits of the text."""
    count = parse_count(text)
    digits = "".join(char for char in text if char.isdecimal())
    if count is not None and not any(char in text for char in "KkMm"):
        assert count == int(digits)
