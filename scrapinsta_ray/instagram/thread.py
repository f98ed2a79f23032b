"""Writing to somebody. Only a stand-in sender uses it: real messages leave from the client's own browser."""

import re
from typing import Any

from selenium.webdriver.common.keys import Keys

from scrapinsta_ray.errors import TaskRejected
from scrapinsta_ray.instagram.browser import translated
from scrapinsta_ray.instagram.parse.profile import profile_in
from scrapinsta_ray.instagram.session import AccountSession, as_form

# The page's state: is there a box, is there a refusal outside of what people wrote, how often was this text written.
_THREAD = """
const wanted = arguments[0];
const plain = text => text.replace(/\\s+/g, " ").trim();
const refusal = new RegExp("doesn.t allow new message requests|can.t message this account unless they follow you" +
  "|no permite nuevas solicitudes de mensajes|no puedes enviar mensajes a esta cuenta", "i");
const copy = document.body.cloneNode(true);
copy.querySelectorAll('script, style, [role=grid], [role=row], [role=textbox]').forEach(node => node.remove());
const texts = [...document.querySelectorAll("[role=row] [dir=auto]")];
const leaves = texts.filter(node => !node.querySelector("[dir=auto]"));
return {
  box: !!document.querySelector('div[contenteditable="true"][role=textbox]'),
  refused: refusal.test(copy.textContent),
  written: leaves.filter(node => plain(node.innerText) === wanted).length,
};
"""
_SEND = """
const named = /^(send|enviar)$/i;
const button = [...document.querySelectorAll("[role=button], button")].find(node => named.test(node.innerText.trim()));
if (button) button.click();
return !!button;
"""
_BOX = "return document.querySelector('div[contenteditable=\"true\"][role=textbox]')"


def send_message(session: AccountSession, username: str, text: str, look_first: bool = False) -> None:
    """Write `text` to somebody and wait until its bubble is in the thread.

    With `look_first` nothing is typed when the thread already has this text: for a task that may have been sent
    before. Raises TaskRejected with reason not_found, or not_allowed when the recipient takes no messages.
    """
    session.open(f"/direct/t/{_thread_id(session, username)}/")
    before = _wait(session, text, "(state.box || state.refused)")
    _check(before)
    if look_first and before["written"]:
        return
    _type(session, text)
    session.wait_for(f"return ({_function(_SEND)})()", "Send button")
    _check(_wait(session, text, f"(state.refused || state.written > {int(before['written'])})"))


def _thread_id(session: AccountSession, username: str) -> str:
    answer = session.get_json(f"/api/v1/users/web_profile_info/?username={username}")
    form = {"recipient_users": as_form([str(profile_in(answer, username).id)])}
    return str(session.post_form_json("/api/v1/direct_v2/create_group_thread/", form)["thread_id"])


def _wait(session: AccountSession, text: str, condition: str) -> dict[str, Any]:
    """The thread's state once the condition holds."""
    wanted = as_form(re.sub(r"\s+", " ", text).strip())
    script = f"const state = ({_function(_THREAD)})({wanted}); return {condition} ? state : null"
    found: dict[str, Any] = session.wait_for(script, "message thread")
    return found


def _function(body: str) -> str:
    return f"function() {{ {body} }}"


def _check(state: dict[str, Any]) -> None:
    if state["refused"]:
        raise TaskRejected("The recipient takes no messages from this account.", reason="not_allowed")


def _type(session: AccountSession, text: str) -> None:
    """As if pasted line by line: chromedriver cannot type emoji, and a bare Enter would send."""
    with translated():
        box = session.browser.run(_BOX)
        box.click()
        for number, line in enumerate(text.splitlines()):
            if number:
                box.send_keys(Keys.SHIFT + Keys.ENTER + Keys.NULL)
            session.browser.devtools("Input.insertText", text=line)
