import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scrapinsta_ray.domain.usernames import is_valid, normalize

NAMES = st.from_regex(r"\A[a-z0-9_](?:[a-z0-9_]|\.(?=[a-z0-9_])){0,29}\Z").filter(
    lambda name: len(name) <= 30
)


@pytest.mark.parametrize(
    ("raw", "name"),
    [
        ("  @Some.Name \n", "some.name"),
        ("https://www.instagram.com/Name/?hl=es", "name"),
        ("http://instagram.com/name", "name"),
        ("instagram.com/name/reels/", "name"),
        ("WWW.INSTAGRAM.COM/NAME#about", "name"),
        ("//www.instagram.com/name", "name"),
        ("https://www.instagram.com/_u/name/", "name"),
        ("https://m.instagram.com/name", "name"),
        ("https://instagr.am/name", "name"),
        ("@https://www.instagram.com/name/".removeprefix("@"), "name"),
        ("ｎａｍｅ", "name"),
        ("\u2068@name\u2069", "name"),  # as copied from a chat
        ("instagram.com", "instagram.com"),  # a name may look like that
        ("a", "a"),
        ("_", "_"),
        ("1", "1"),
        ("x" * 30, "x" * 30),
    ],
)
def test_every_spelling_has_one_normal_form(raw, name):
    assert normalize(raw) == name


@pytest.mark.parametrize(
    ("raw", "complaint"),
    [
        ("", "empty"),
        (" @ ", "empty"),
        ("x" * 31, "longer than 30"),
        ("two words", "only letters"),
        ("añil", "only letters"),
        ("na-me", "only letters"),
        ("@@name", "only letters"),
        (".name", "dot"),
        ("name.", "dot"),
        ("na..me", "dot"),
        ("https://www.instagram.com/p/CAxyPW6luuN/", "not a profile's"),
        ("https://www.instagram.com/reel/CAxyPW6luuN/", "not a profile's"),
        ("https://www.instagram.com/", "not a profile's"),
        ("https://example.com/name", "only letters"),
    ],
)
def test_what_is_no_username_says_why(raw, complaint):
    with pytest.raises(ValueError, match=complaint):
        normalize(raw)


def test_a_complaint_quotes_no_more_than_a_line():
    with pytest.raises(ValueError) as refused:
        normalize("z" * 5000)
    assert len(str(refused.value)) < 160


@given(NAMES)
def test_a_normal_name_stays_as_it_is(name):
    assert is_valid(name)
    assert normalize(name) == name


@given(NAMES, st.sampled_from(["{}", "@{}", " {} ", "https://www.instagram.com/{}/", "{}\u200b"]))
def test_case_and_dress_do_not_matter(name, dress):
    assert normalize(dress.format(name.upper())) == name


@given(st.text(alphabet=string.printable + "ñéＡ\u200b․…", max_size=40))
def test_anything_is_a_valid_name_or_refused(raw):
    try:
        assert is_valid(normalize(raw))
    except ValueError as refused:
        assert str(refused).endswith(".")  # noqa: PT017 - either outcome is right
