"""Direct messages: kept per sender and recipient, refused by some, never doubled by a repeated call."""

import pytest

from tests.simulator.conftest import TestClient, log_in

SEND = "/api/v1/direct_v2/threads/broadcast/text/"


def thread_with(client, name):
    answer = client.get("/direct/new/", params={"to": name})
    assert answer.status_code == 302
    return answer.headers["location"].split("/")[3]


def send(client, thread, text, context=""):
    return client.post(SEND, data={"thread_id": thread, "text": text, "client_context": context})


def written(client):
    return client.get("/_truth/threads").json()["threads"]


def test_a_sent_message_is_acknowledged_kept_and_shown(bot):
    thread = thread_with(bot, "cafe_lucia")
    assert send(bot, thread, "Hola ☕ <b>").json()["action"] == "item_ack"
    (told,) = written(bot)
    assert (told["from"], told["to"], told["messages"][0]["text"]) == ("bot_1", "cafe_lucia", "Hola ☕ <b>")
    page = bot.get(f"/direct/t/{thread}/").text
    assert '"text":"Hola ☕ \\u003Cb>"' in page
    assert "cafe_lucia" in bot.get("/direct/inbox/").text


def test_the_message_button_opens_the_same_thread(bot):
    body = bot.post("/api/v1/direct_v2/create_group_thread/", data={"recipient_users": '["201"]'}).json()
    assert body["thread_id"] == thread_with(bot, "cafe_lucia")


def test_the_same_context_twice_is_one_message(bot):
    thread = thread_with(bot, "cafe_lucia")
    first, second = send(bot, thread, "hola", "c1"), send(bot, thread, "hola", "c1")
    assert first.json()["payload"]["item_id"] == second.json()["payload"]["item_id"]
    send(bot, thread, "hola", "c2")
    assert len(written(bot)[0]["messages"]) == 2


def test_an_opened_thread_without_a_word_is_not_told(bot):
    thread_with(bot, "cafe_lucia")
    assert written(bot) == []


def test_threads_of_others_are_not_there(app, bot):
    thread = thread_with(bot, "cafe_lucia")
    other = TestClient(app)
    other.get("/")
    other.headers["X-CSRFToken"] = other.cookies["csrftoken"]
    log_in(other, "client_1")
    assert other.get(f"/direct/t/{thread}/").status_code == 404
    assert send(other, thread, "hola").status_code == 400
    assert thread_with(TestClient(app, cookies=other.cookies, follow_redirects=False), "cafe_lucia") != thread


@pytest.mark.parametrize(("name", "refusal"), [("no_molestar", "requests"), ("solo_amigos", "followers")])
def test_some_refuse(bot, name, refusal):
    answer = send(bot, thread_with(bot, name), "hola")
    assert (answer.status_code, answer.json()["refusal"]) == (403, refusal)
    assert written(bot) == []


def test_who_takes_messages_of_friends_only_has_no_box(bot):
    page = bot.get(f"/direct/t/{thread_with(bot, 'solo_amigos')}/").text
    assert "message this account unless they follow you" in page and 'role="textbox"' not in page


def test_empty_texts_and_missing_tokens_are_refused(bot):
    thread = thread_with(bot, "cafe_lucia")
    assert send(bot, thread, "  ").status_code == 400
    bot.headers["X-CSRFToken"] = "x"
    assert send(bot, thread, "hola").status_code == 403


def test_nobody_to_write_to(bot):
    assert bot.get("/direct/new/?to=nadie_aqui").status_code == 404
    assert bot.get("/direct/t/123/").status_code == 404
    assert (
        bot.post("/api/v1/direct_v2/create_group_thread/", data={"recipient_users": "[]"}).status_code == 404
    )


def test_the_other_side_may_answer(bot):
    for by, text in [("bot_1", "Hola"), ("cafe_lucia", "stop")]:
        said = {"from": "bot_1", "to": "cafe_lucia", "by": by, "text": text}
        assert bot.post("/_threads", json=said).status_code == 200
    (told,) = written(bot)
    assert [(m["by"], m["text"]) for m in told["messages"]] == [("bot_1", "Hola"), ("cafe_lucia", "stop")]
    thread = thread_with(bot, "cafe_lucia")
    assert '"text":"stop","mine":false' in bot.get(f"/direct/t/{thread}/").text
    nonsense: list[object] = [
        {},
        [],
        {**said, "to": "nobody.at.all"},
        {**said, "by": "bot_2"},
        {**said, "text": " "},
    ]
    for wrong in nonsense:
        assert bot.post("/_threads", json=wrong).status_code == 422
