"""Samples of pages that could not be read: the shape stays, what is personal does not."""

import json
import stat

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scrapinsta_ray.errors import LayoutChanged
from scrapinsta_ray.instagram.samples import Samples, keep, redact

USER = {
    "pk": "1518284433",
    "username": "jane.doe",
    "full_name": "Jäne Døe 🌞",
    "biography": "call 555 123, {not json",
    "follower_count": 52979346,
    "like_count": -1,
    "media_type": 2,
    "ratio": 1.25,
    "is_private": False,
    "external_url": None,
    "__typename": "XDTUserDict",
    "status": "ok",
    "jane.doe": {"1518284433": 1},
    "profile": "/jane.doe/followers/?x=1",
    "nested": json.dumps({"username": "jane.doe", "count": 77}),
}
PAGE = f"""<!DOCTYPE html><!-- saved from jane.doe --><html><head><title>Jane (@jane.doe) • Instagram</title></head><body>
<header><a href="https://www.instagram.com/jane.doe/followers/" class="x1"><span title="52,979,346">52M</span> followers</a>
<svg aria-label="View Count Icon"></svg><img alt="Jane at home"><p>Døe &amp; 🌞</p></header>
<script type="application/json" data-sjs>{json.dumps({"data": {"xig_user_by_username": USER}})}</script>
<script>window.__additionalDataLoaded('/jane.doe/', {{"graphql": {{"user": {{"biography": "Jane's"}}}}}}); var token = "s3cr3t"</script>
</body></html>"""  # noqa: E501
PERSONAL = (
    "jane",
    "Jane",
    "Døe",
    "🌞",
    "1518284433",
    "52979346",
    "979",
    "home",
    "s3cr3t",
    "call",
    "555",
    "77",
)
CHANGED = LayoutChanged("The answer holds no profile.", missing="data.user")


@pytest.mark.parametrize("text", [json.dumps(USER, ensure_ascii=False), PAGE, "Jane Døe 555 is no JSON"])
def test_nothing_personal_is_left(text):
    redacted = redact(text)
    assert not [word for word in PERSONAL if word in redacted]


def test_the_structure_of_json_stays():
    redacted = json.loads(redact(json.dumps(USER)))
    assert redacted["follower_count"] == 11111111
    assert redacted["pk"] == "1111111111"
    assert [redacted[name] for name in ("like_count", "media_type", "is_private", "external_url")] == [
        -1,
        2,
        False,
        None,
    ]
    assert [redacted[name] for name in ("__typename", "status")] == ["XDTUserDict", "ok"]
    assert len(redacted["biography"]) == len(str(USER["biography"]))
    assert redacted["profile"] == "/xxxx.xxx/followers/?x=1"
    assert redacted["xxxx.xxx"] == {"1111111111": 1}
    assert json.loads(redacted["nested"]) == {"username": "xxxx.xxx", "count": 11}


def test_the_structure_of_a_page_stays():
    redacted = redact(PAGE)
    for part in (
        '"xig_user_by_username": {"pk": "1111111111"',
        'href="https://www.instagram.com/xxxx.xxx/followers/"',
        '<span title="11,111,111">11M</span> followers',
        'aria-label="View Count Icon"',
        "window.__additionalDataLoaded('/xxxx.xxx/', {\"graphql\"",
        '<script type="application/json" data-sjs>',
    ):
        assert part in redacted


def shape(data):
    if isinstance(data, dict):
        return [shape(value) for value in data.values()]
    return [shape(one) for one in data] if isinstance(data, list) else type(data)


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.from_regex(r"[a-z_]{1,8}", fullmatch=True), inner)
    ),
    max_leaves=8,
)


@given(JSON)
def test_any_json_keeps_its_shape(data):
    assert shape(json.loads(redact(json.dumps(data)))) == shape(data)


@given(st.text() | st.text().map("<html>".__add__) | st.text().map("<script>var a = {".__add__))
def test_any_text_can_be_redacted(text):
    assert isinstance(redact(text), str)


@given(st.text(alphabet="zqZQ", min_size=4, max_size=12), st.sampled_from([PAGE, json.dumps(USER)]))
def test_whatever_a_person_writes_is_masked(secret, around):
    assert secret not in redact(around.replace("jane.doe", secret).replace("Jane", secret))


def test_a_sample_is_kept_once_for_the_owner_alone(tmp_path):
    path = keep(tmp_path / "samples", "profile", json.dumps(USER), CHANGED)
    assert path
    assert path.suffix == ".json"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert "jane" not in path.read_text()
    assert json.loads(path.with_suffix(".why").read_text())["missing"] == "data.user"
    assert keep(tmp_path / "samples", "profile", json.dumps(USER), CHANGED) is None
    page = keep(tmp_path / "samples", "profile", PAGE, CHANGED)
    assert page
    assert page.suffix == ".html"


def test_at_most_so_many_of_a_kind(tmp_path):
    kept = [
        keep(tmp_path, kind, json.dumps([0] * n), CHANGED, most=3)
        for kind in ("media", "reels")
        for n in range(5)
    ]
    assert sum(path is not None for path in kept) == 6


def test_changes_are_counted_by_what_was_missing(tmp_path):
    samples = Samples(tmp_path / "samples")
    for _ in range(3):
        samples.note("profile", "{}", CHANGED)
    samples.note("media", "{}", LayoutChanged(missing="items"))
    assert samples.counts == {("profile", "data.user"): 3, ("media", "items"): 1}
    assert len(list((tmp_path / "samples").glob("*.json"))) == 2
