import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scrapinsta_ray.domain.models import Completeness, Following, FollowingPage
from scrapinsta_ray.errors import LayoutChanged
from scrapinsta_ray.instagram.parse.dialog import parse_following_dialog
from scrapinsta_ray.instagram.parse.followings import parse_followings

ANA = {"pk": 12, "username": "Ana", "full_name": "Ana P", "is_private": False, "is_verified": True}


def api(users=(ANA,), **more):
    return json.dumps({"users": list(users), "big_list": False, "page_size": 12, "status": "ok", **more})


def graphql(count, *names, cursor=None):
    info = {"has_next_page": cursor is not None, "end_cursor": cursor}
    edges = [{"node": {"id": str(n), "username": name}} for n, name in enumerate(names, 1)]
    return json.dumps(
        {"data": {"user": {"edge_follow": {"count": count, "page_info": info, "edges": edges}}}}
    )


def test_a_row_in_the_normal_form():
    assert parse_followings(api()).users == (Following("ana", "12", "Ana P", False, True),)


@pytest.mark.parametrize(("cursor", "text"), [(50, "50"), ("QVFE", "QVFE"), ("50", "50")])
def test_a_cursor_may_be_a_number_or_a_text(cursor, text):
    page = parse_followings(api(next_max_id=cursor, has_more=True))
    assert (page.next_cursor, page.completeness) == (text, None)


@pytest.mark.parametrize("end", [{}, {"next_max_id": None}, {"next_max_id": ""}])
def test_the_end_is_a_missing_cursor(end):
    page = parse_followings(api(**end))
    assert (page.next_cursor, page.completeness) == (None, Completeness.COMPLETE)


def test_a_limited_list_is_capped():
    page = parse_followings(api(should_limit_list_of_followers=True))
    assert page.completeness is Completeness.CAPPED


def test_graphql_pages():
    page = parse_followings(graphql(3, "a", "b", cursor="X"))
    assert [user.username for user in page.users] == ["a", "b"]
    assert (page.next_cursor, page.completeness) == ("X", None)
    assert parse_followings(graphql(3, "c")).completeness is Completeness.COMPLETE


def test_a_graphql_list_that_counts_some_and_shows_none_is_a_soft_block():
    assert parse_followings(graphql(3)) == FollowingPage((), None, Completeness.SOFT_BLOCKED)
    assert parse_followings(graphql(0)).completeness is Completeness.COMPLETE


def test_nobody_is_listed_twice_and_rows_without_a_name_are_left_out():
    page = parse_followings(api([ANA, ANA, {"pk": 1}, {"username": "not a name"}, None]))
    assert [user.username for user in page.users] == ["ana"]


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"users": {}}', '{"users": [{"pk": 1}]}', "<html>"])
def test_an_unknown_shape_names_what_is_missing(text):
    with pytest.raises(LayoutChanged) as raised:
        parse_followings(text)
    assert raised.value.details["missing"]


def row(name, label=""):
    picture = f'<a href="/{name}/"><img></a>'
    mark = f'<svg aria-label="{label}"></svg>' if label else ""
    return f'<div>{picture}<a href="/{name}/"><span>{name}</span>{mark}</a></div>'


def dialog(*rows):
    return f'<div role="dialog"><h1>Following</h1><div>{"".join(rows)}</div></div>'


@pytest.mark.parametrize("suggested", ["Suggested for you", "Suggested", "Sugerencias para ti"])
def test_the_dialogs_rows_end_where_the_site_suggests_others(suggested):
    html = dialog(row("ana", "Verified"), row("bob"), f"<div><h4>{suggested}</h4></div>", row("eve"))
    rows = parse_following_dialog(html)
    assert rows.users == (Following("ana", is_verified=True), Following("bob"))
    assert rows.ended


def test_a_dialog_that_may_still_grow():
    rows = parse_following_dialog(dialog(row("ana"), '<a href="/explore/people/">more</a>'))
    assert [user.username for user in rows.users] == ["ana"]
    assert not rows.ended


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["users", "username", "edge_follow", "edges", "node", "next_max_id", "page_info", "pk"]
            ),
            inner,
            max_size=4,
        )
    ),
)


@given(VALUES.map(json.dumps) | st.text())
def test_nothing_raises_anything_but_layout_changed(text):
    try:
        assert isinstance(parse_followings(text), FollowingPage)
    except LayoutChanged as error:
        assert error.details["missing"]  # noqa: PT017 - either outcome is right


@given(st.text())
def test_no_dialog_fails(text):
    parse_following_dialog(text)
