import pytest
from hypothesis import given
from hypothesis import strategies as st

from scrapinsta_ray.domain import messages

ANA = {"username": "ana.g", "full_name": "  Ana  García ", "category": "Café"}


def test_fields_are_filled_in():
    text = "Hola {first_name} ({full_name}, @{username}), {category}: {{no}}"
    assert messages.render(text, ANA) == "Hola Ana (Ana  García, @ana.g), Café: {no}"


@pytest.mark.parametrize("full_name", [None, "", "   "])
def test_without_a_name_the_username_stands_in(full_name):
    assert (
        messages.render("{first_name}|{full_name}", {"username": "x_1", "full_name": full_name}) == "x_1|x_1"
    )


def test_an_unknown_category_is_nothing_rather_than_none():
    assert messages.render("[{category}]", {"username": "x", "category": None}) == "[]"


def test_what_a_person_calls_themselves_is_never_a_template():
    person = {"username": "x", "full_name": "{username} {password} {"}
    assert messages.render("{full_name}", person) == "{username} {password} {"


def test_a_message_is_cut_to_the_sites_limit():
    assert len(messages.render("{full_name}" * 90, {"username": "x", "full_name": "n" * 150})) == 1000


@pytest.mark.parametrize(
    ("template", "complaint"),
    [
        ("", "empty"),
        (" \n ", "empty"),
        ("x" * 1001, "1001 characters"),
        ("50 % } off", "single"),
        ("Hola {", "single"),
        ("Hola {password}", "Unknown field {password}"),
        ("Hola {}", "Unknown field {}"),
        ("Hola {0}", "Unknown field {0}"),
        ("Hola {first_name!r}", "Unknown field"),
        ("Hola {first_name:>9999999}", "Unknown field"),
        ("Hola {username.__class__}", "Unknown field"),
        ("Hola {username[0]}", "Unknown field"),
    ],
)
def test_a_template_that_cannot_be_rendered_for_everybody_is_refused(template, complaint):
    with pytest.raises(ValueError, match=complaint.replace("{", r"\{").replace("}", r"\}")):
        messages.check(template)


PIECES = st.sampled_from(
    [*(f"{{{name}}}" for name in messages.FIELDS), "{{", "}}", "{", "}", "!r", ":", "é", " "]
)
NAMES = st.none() | st.text(max_size=60)


@given(
    st.lists(PIECES | st.text(max_size=5), max_size=12).map("".join),
    st.fixed_dictionaries({"username": st.text(max_size=30), "full_name": NAMES, "category": NAMES}),
)
def test_whatever_passes_the_check_renders_for_anybody(template, person):
    try:
        messages.check(template)
    except ValueError:
        return
    assert len(messages.render(template, person)) <= messages.MAX_LENGTH
