import json
from html import escape

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scrapinsta_ray import errors
from scrapinsta_ray.domain.models import Signal
from scrapinsta_ray.instagram.signals import Verdict, classify, raise_for

SITE = "https://www.instagram.com"
CALL = f"{SITE}/api/v1/users/web_profile_info/?username=a"
PROFILE = f"{SITE}/a/"


def page(body: str = "", title: str = "A (@a) • Instagram photos and videos") -> str:
    return f"<!DOCTYPE html><html><head><title>{title}</title></head><body><main>{body}</main></body></html>"


CALLS = [
    # status, body, signal, reason
    (
        401,
        {"message": "Please wait a few minutes before you try again.", "status": "fail"},
        "cooldown",
        "throttled",
    ),
    (
        401,
        {
            "message": "Please wait a few minutes before you try again.",
            "require_login": True,
            "status": "fail",
        },
        "cooldown",
        "throttled",
    ),
    (429, "", "cooldown", "throttled"),
    (429, {"message": "", "require_login": True, "status": "fail"}, "cooldown", "throttled"),
    (
        403,
        {
            "message": "login_required",
            "error_title": "You've Been Logged Out",
            "logout_reason": 3,
            "status": "fail",
        },
        "relogin",
        "logged_out",
    ),
    (401, {"require_login": True, "status": "fail"}, "relogin", "logged_out"),
    (403, {"error_title": "You've Been Logged Out", "status": "fail"}, "relogin", "logged_out"),
    (
        400,
        {
            "message": "checkpoint_required",
            "checkpoint_url": "/challenge/action/AXF/",
            "lock": False,
            "status": "fail",
        },
        "human",
        "checkpoint",
    ),
    (
        400,
        {
            "message": "challenge_required",
            "challenge": {"url": f"{SITE}/challenge/1/", "api_path": "/challenge/1/", "native_flow": True},
            "status": "fail",
        },
        "human",
        "challenge",
    ),
    (200, {"challenge": {"url": f"{SITE}/accounts/suspended/"}, "status": "fail"}, "dead", "suspended"),
    (400, {"message": "", "two_factor_required": True, "status": "fail"}, "human", "two_factor"),
    (
        400,
        {
            "message": "feedback_required",
            "spam": True,
            "feedback_title": "Try Again Later",
            "feedback_message": "We restrict certain activity to protect our community.",
            "status": "fail",
        },
        "cooldown",
        "action_block",
    ),
    (404, "Not Found", "human", "masked_challenge"),
    (404, " Not Found\n", "human", "masked_challenge"),
    (404, "<html>Not Found</html>", "not_found", "not_found"),
    (404, {"message": "User not found", "status": "fail"}, "not_found", "not_found"),
    (200, {"data": {"user": None}, "status": "ok"}, "not_found", "not_found"),
    (200, {"data": {"xig_user_by_username": None}}, "not_found", "not_found"),
    (200, {"graphql": {"user": None}}, "not_found", "not_found"),
    (200, {"user": None, "status": "ok"}, "not_found", "not_found"),
    (400, {"message": "Not authorized to view user", "status": "fail"}, "private", "private"),
    (
        400,
        {
            "message": "challenge_required",
            "challenge": {"url": f"{SITE}/accounts/suspended/?next=/"},
            "status": "fail",
        },
        "dead",
        "suspended",
    ),
    (
        400,
        {"message": "checkpoint_required", "checkpoint_url": "/accounts/suspended/", "status": "fail"},
        "dead",
        "suspended",
    ),
    (
        401,
        {"message": "Espera unos minutos antes de volver a intentarlo.", "status": "fail"},
        "cooldown",
        "throttled",
    ),
    (200, {"data": None}, "retry", "no_data"),
    (200, {"errors": [{"message": "execution error"}]}, "retry", "errors"),
    (200, {"data": {"user": None}, "errors": [{"message": "execution error"}]}, "retry", "errors"),
    (200, {"data": {"user": {"username": "a"}}, "errors": [{"message": "a field failed"}]}, "ok", "ok"),
    (200, "\ufeff" + '{"status": "ok"}', "ok", "ok"),
    (503, {"message": "Oops, an error occurred.", "status": "fail"}, "retry", "server_error"),
    (200, {"data": None, "errors": [{"message": "execution error"}]}, "retry", "errors"),
    (200, {"data": None, "errors": [{"message": "Rate limit exceeded"}]}, "cooldown", "throttled"),
    (200, {"status": "fail", "message": "unknown words"}, "retry", "failed"),
    (200, "", "retry", "empty"),
    (200, '{"data": {"user": {"id": "1', "retry", "broken_json"),
    (
        200,
        '{"data": {"user": {"biography": "Too many requests, please wait a few minutes',
        "retry",
        "broken_json",
    ),
    (200, '[{"biography": "Too many requests, please wait a few minutes"}]', "retry", "broken_json"),
    (200, "Please wait a few minutes before you try again.", "cooldown", "throttled"),
    (200, page(), "retry", "html"),
    (200, page('<form><input type="password"></form>'), "relogin", "logged_out"),
    (500, "", "retry", "server_error"),
    (502, page("<h1>5xx Server Error</h1>"), "retry", "server_error"),
    (0, "", "retry", "status_0"),
    (400, {"message": "useragent mismatch", "status": "fail"}, "retry", "status_400"),
    (200, {"data": {"user": {"username": "a"}}, "status": "ok"}, "ok", "ok"),
    (200, 'for (;;);{"status": "ok"}', "ok", "ok"),
]


@pytest.mark.parametrize(("status", "body", "signal", "reason"), CALLS)
def test_what_an_answer_to_a_call_means(status, body, signal, reason):
    text = body if isinstance(body, str) else json.dumps(body)
    verdict = classify(status, CALL, {}, text)
    assert (verdict.signal, verdict.reason) == (signal, reason)


@pytest.mark.parametrize(
    ("path", "signal", "reason"),
    [
        ("/accounts/login/?next=%2Fa%2F", "relogin", "login_redirect"),
        ("/accounts/login/two_factor?next=%2F", "human", "two_factor"),
        ("/accounts/suspended/?next=%2F", "dead", "suspended"),
        ("/challenge/?next=%2Fa%2F", "human", "challenge"),
        ("/challenge/action/AXF/", "human", "challenge"),
        ("/accounts/loginish/", "ok", "ok"),
        ("/challenge.accepted/", "ok", "ok"),
    ],
)
@pytest.mark.parametrize("expects_json", [True, False])
def test_a_redirect_means_what_its_target_is(path, signal, reason, expects_json):
    body = '{"status": "ok"}' if signal == "ok" else page()
    verdict = classify(200, SITE + path, {}, body, expects_json=expects_json)
    assert (verdict.signal, verdict.reason) == (signal, reason)


def test_a_redirect_that_was_not_followed_is_read_too():
    assert classify(302, CALL, {"Location": "/accounts/login/?next=/a/"}, "").signal is Signal.RELOGIN


SAID = [
    ("Try Again Later", "cooldown", "action_block"),
    ("Action Blocked", "cooldown", "action_block"),
    ("We restrict certain activity to protect our community.", "cooldown", "action_block"),
    ("Restringimos determinada actividad para proteger a nuestra comunidad.", "cooldown", "action_block"),
    ("Please wait a few minutes before you try again.", "cooldown", "throttled"),
    ("Sorry, this page isn't available.", "not_found", "not_found"),
    ("Sorry, this page isn’t available.", "not_found", "not_found"),
    ("Esta página no está disponible.", "not_found", "not_found"),
    ("This account is private", "private", "private"),
    ("Esta cuenta es privada", "private", "private"),
    ("You've Been Logged Out", "relogin", "logged_out"),
    ("Your account has been disabled", "dead", "suspended"),
]


@pytest.mark.parametrize("where", ['<div role="dialog"><b>{}</b> OK</div>', '<p role="alert">{}</p>'])
@pytest.mark.parametrize(("text", "signal", "reason"), SAID)
def test_dialogs_and_alerts_speak_for_the_site(where, text, signal, reason):
    verdict = classify(200, PROFILE, {}, page(where.format(text)), expects_json=False)
    assert (verdict.signal, verdict.reason) == (signal, reason)
    live = classify(200, PROFILE, {}, page(), dialog_texts=(f"{text}\n\nOK",), expects_json=False)
    assert (live.signal, live.reason) == (signal, reason)


@pytest.mark.parametrize(("text", "signal", "reason"), SAID)
def test_headings_and_titles_speak_when_they_say_nothing_else(text, signal, reason):
    for body in (page(f"<h1>{text}</h1>"), page(title=f"{text} • Instagram")):
        verdict = classify(200, PROFILE, {}, body, expects_json=False)
        assert (verdict.signal, verdict.reason) == (signal, reason)


PEOPLES = {  # where people write, as the site's own pages show it
    "biography": "<header><span>{}</span></header>",
    "biography as a heading": '<header><h2>jane</h2><h1 dir="auto">{}</h1></header>',
    "name": "<header><section><h2>{}</h2></section></header>",
    "caption": "<article><span>{}</span></article>",
    "caption as a heading": '<article><div><h1 dir="auto">{}</h1></div></article>',
    "caption in a list": '<div><ul><li><a href="/jane/">jane</a><h1 dir="auto">{}</h1></li></ul></div>',
    "caption over the page": '<div role="dialog"><article><a href="/jane/">jane</a><h1>{}</h1></article></div>',
    "caption beside a name": '<div role="dialog"><div><a href="/jane/">jane</a><span>{}</span></div></div>',
    "caption beside a date": '<div role="dialog"><div><span>{}</span><time>2 d</time></div></div>',
    "caption under a name": '<div><div><a href="/jane/">jane</a></div><h1 dir="auto">{}</h1></div>',
    "caption under a name's block": '<div><p><a href="/jane/">jane</a></p><p><h1>{}</h1></p></div>',
    "comments": '<div role="dialog"><ul><li>ana: first!</li><li>{}</li></ul></div>',
    "chat": '<div role="grid"><div role="row"><div dir="auto">{}</div></div></div>',
    "chat over the page": '<div role="dialog"><div dir="auto">{}</div><p role="textbox"></p></div>',
    "rows over the page": '<div role="dialog"><div role="row"><h1>{}</h1></div></div>',
    "draft": '<div contenteditable="true" role="textbox"><h1>{}</h1></div>',
    "alert in a chat": '<div role="row"><div role="alert">{}</div></div>',
    "name in a list": '<div role="dialog"><h1>Following</h1><div><a href="/jane/">jane</a><b>{}</b></div></div>',
    "inline JSON": '<script type="application/json">{{"biography": "{}"}}</script>',
    "picture": '<img alt="{}">',
    "link": '<a href="/jane/"><h1>{}</h1></a>',
    "heading with more": "<h1>My name is {}</h1>",
    "smaller heading": "<h3>{}</h3>",
}


@pytest.mark.parametrize("text", [said for said, _, _ in SAID])
@pytest.mark.parametrize("place", PEOPLES)
def test_what_people_write_never_trips_it(place, text):
    body = page(PEOPLES[place].format(text))
    assert classify(200, PROFILE, {}, body, expects_json=False).signal is Signal.OK


@pytest.mark.parametrize("text", [said for said, _, _ in SAID])
@pytest.mark.parametrize(
    "title", ['Jane on Instagram: "{}"', "{} (@jane) • Instagram photos and videos", "{} - Jane • Instagram"]
)
def test_a_title_with_a_caption_or_a_name_never_trips_it(title, text):
    body = page(title=title.format(text))
    assert classify(200, PROFILE, {}, body, expects_json=False).signal is Signal.OK


@pytest.mark.parametrize(
    "text",
    [
        "jane\n3 d\nWe restrict certain activity to protect our community\nReply",
        "jane.doe\nFollow\nAction Blocked\nTry Again Later",
        "Comments\nana\nThis account is private",
    ],
)
def test_a_live_dialog_that_begins_with_somebodys_name_is_theirs(text):
    assert classify(200, PROFILE, {}, page(), (text,), expects_json=False).signal is Signal.OK


NOTICES = {
    "spans": """<div role="dialog"><div><span>Try Again Later</span><span>We restrict certain activity to protect our
        community. Tell us if you think we made a mistake.</span><button>Tell us</button>
        <button>OK</button></div></div>""",
    "sentence in parts": """<div role="dialog"><h2>Error</h2><div>We restrict <b>certain</b> activity to protect our
        community</div><a href="https://help.instagram.com/">Learn more</a></div>""",
    "Spanish": """<div role="dialog"><h3>Vuelve a intentarlo más tarde</h3><div>Restringimos determinada actividad para
        proteger a nuestra comunidad.</div><button>Aceptar</button></div>""",
    "with a list": '<div role="dialog"><span>Action Blocked</span><ul><li>Why?</li></ul></div>',
    "over a chat": '<div role="grid"><div role="row">hi</div></div><div role="dialog"><h1>Action Blocked</h1></div>',
    "alert": '<div role="alertdialog"><p>Action Blocked</p></div>',
}


@pytest.mark.parametrize("notice", NOTICES)
def test_the_sites_own_dialogs_in_many_forms(notice):
    assert classify(200, PROFILE, {}, page(NOTICES[notice]), expects_json=False).reason == "action_block"


def test_a_private_or_missing_page_says_so_a_step_below_its_title():
    private = page(
        "<header><h2>jane</h2></header><article><div><h2>This Account is Private</h2></div></article>"
    )
    missing = page('<div><h2>Sorry, this page isn\'t available.</h2><a href="/">Go back</a></div>')
    blocked = page("<h2>Action Blocked</h2>")
    said = [
        classify(200, PROFILE, {}, body, expects_json=False).reason for body in (private, missing, blocked)
    ]
    assert said == ["private", "not_found", "ok"]


ALARMS = st.sampled_from(
    [
        *(said for said, _, _ in SAID),
        "checkpoint_required",
        "challenge_required",
        "login_required",
        "Not Found",
    ]
)
WRITTEN = st.lists(ALARMS | st.text(max_size=10), min_size=1, max_size=4).map(" ".join)


@given(WRITTEN, st.sampled_from(sorted(PEOPLES)), st.sampled_from(sorted(PEOPLES)))
def test_no_words_of_people_change_anything(words, place, other):
    said = escape(words)
    both = page(PEOPLES[place].format(said) + PEOPLES[other].format(said))
    assert classify(200, PROFILE, {}, both, expects_json=False) == classify(
        200, PROFILE, {}, page(), expects_json=False
    )


@given(WRITTEN, st.sampled_from(["ok", None]))
def test_no_words_in_an_answers_fields_change_anything(words, status):
    user = dict.fromkeys(("username", "biography", "full_name", "message", "error_title", "challenge"), words)
    caption = {"caption": {"text": words}, "comments": [{"text": words, "message": words}]}
    body = {"data": {"user": user}, "items": [caption], "users": [user]} | (
        {"status": status} if status else {}
    )
    assert classify(200, CALL, {}, json.dumps(body)).signal is Signal.OK


@pytest.mark.parametrize("text", ["checkpoint_required", "feedback_required", "Action Blocked", "Not Found"])
def test_words_in_a_biography_of_an_answer_never_trip_it(text):
    body = {"data": {"user": {"username": "a", "biography": text, "full_name": text}}, "status": "ok"}
    assert classify(200, CALL, {}, json.dumps(body)).signal is Signal.OK


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"Retry-After": "120"}, 120),
        ({"retry-after": "7.5"}, 7.5),
        ({"Retry-After": "Mon, 01 Jun 2026 00:01:00 GMT", "Date": "Mon, 01 Jun 2026 00:00:00 GMT"}, 60),
        ({"Retry-After": "Mon, 01 Jun 2026 00:00:00 GMT", "Date": "Mon, 01 Jun 2026 00:01:00 GMT"}, 0),
        ({"Retry-After": "Mon, 01 Jun 2026 00:01:00 GMT"}, None),  # from when on is not known
        ({"Retry-After": "soon"}, None),
        ({}, None),
    ],
)
def test_retry_after_is_honoured(headers, seconds):
    assert classify(429, CALL, headers, "").retry_after_s == seconds


def test_a_bare_not_found_where_a_page_was_expected_is_no_challenge():
    assert classify(404, PROFILE, {}, "Not Found", expects_json=False).signal is Signal.NOT_FOUND


@pytest.mark.parametrize(
    ("signal", "error"),
    [
        (Signal.RETRY, errors.RetryLater),
        (Signal.COOLDOWN, errors.CoolDown),
        (Signal.RELOGIN, errors.SessionLost),
        (Signal.HUMAN, errors.NeedsHuman),
        (Signal.DEAD, errors.AccountDead),
    ],
)
def test_each_signal_raises_what_its_catcher_must_do(signal, error):
    with pytest.raises(errors.ScrapInstaError) as raised:
        raise_for(Verdict(signal, "why", 30.0))
    assert type(raised.value) is error
    assert raised.value.details["reason"] == "why"


def test_a_cooldown_carries_its_seconds():
    with pytest.raises(errors.CoolDown) as raised:
        raise_for(classify(429, CALL, {"retry-after": "90"}, ""))
    assert raised.value.retry_after_s == 90


@pytest.mark.parametrize("reason", ["not_found", "private"])
def test_a_profile_that_cannot_be_read_rejects_the_task(reason):
    with pytest.raises(errors.TaskRejected) as raised:
        raise_for(Verdict(Signal(reason), reason))
    assert raised.value.reason == reason


def test_ok_raises_nothing():
    raise_for(classify(200, CALL, {}, '{"status": "ok"}'))


@given(
    st.integers(0, 599),
    st.text(max_size=40),
    st.dictionaries(st.sampled_from(["Retry-After", "Date", "Location"]), st.text(max_size=20)),
    st.one_of(
        st.text(max_size=60),
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.text(max_size=10),
            lambda inner: (
                st.lists(inner, max_size=3)
                | st.dictionaries(
                    st.sampled_from(
                        ["message", "errors", "data", "user", "challenge", "checkpoint_url", "status"]
                    ),
                    inner,
                    max_size=4,
                )
            ),
        ).map(json.dumps),
    ),
    st.lists(st.text(max_size=20), max_size=2),
    st.booleans(),
)
def test_no_answer_makes_it_fail(status, url, headers, body, dialogs, expects_json):
    assert isinstance(classify(status, url, headers, body, dialogs, expects_json), Verdict)
