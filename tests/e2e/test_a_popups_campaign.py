"""The whole path: from the popup's form over Serve, the fleet and the site to messages and ledger rows."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from scrapinsta_ray.client import Client
from tests.e2e.conftest import Kept, until
from tests.extension.conftest import Installed, unpacked
from tests.extension.test_pages import fill, opened, press, text
from tests.site import ask_at

pytestmark = [pytest.mark.browser, pytest.mark.slow]

ACCOUNT = "client_2"
TEXT = "Hola {first_name}, ¿hablamos?"


@pytest.fixture
def installed(a_kept_demo: Kept, tmp_path: Path) -> Iterator[Installed]:
    """The extension of the demo's client, with an account that the demo does not use."""
    folder = unpacked(tmp_path / "extension", a_kept_demo.site, a_kept_demo.url)
    browser = Installed(folder, tmp_path / "profile", a_kept_demo.site)
    try:
        pace = {"perHour": 50, "perDay": 50, "gapMinS": 0, "gapMaxS": 0, "fromHour": 0, "toHour": 0}
        limits = {"messages_per_hour": 50, "messages_per_day": 50}
        browser.store(server=a_kept_demo.url, key=a_kept_demo.key, account=ACCOUNT, pace=pace, limits=limits)
        browser.log_in(ACCOUNT)
        browser.past_dry_runs()
        yield browser
    finally:
        browser.quit()


def targets(site: str) -> list[str]:
    """Public accounts whose list is long enough, besides the demo's own target."""
    names = ask_at(f"{site}/_truth/followings/cafe_lucia")["usernames"]
    users = ask_at(f"{site}/_truth/users?usernames=" + ",".join(names[-60:]))["users"]
    return [name for name, user in users.items() if user and not user["is_private"]]


@pytest.mark.timeout(300)
def test_a_campaign_of_the_popup_ends_in_ten_messages(a_kept_demo: Kept, installed: Installed) -> None:
    site = a_kept_demo.site
    lists = {name: ask_at(f"{site}/_truth/followings/{name}")["usernames"] for name in targets(site)}
    target = max(lists, key=lambda name: min(len(lists[name]), 40))
    opened(installed, "popup/popup.html")
    fill(installed, "form_campaign", target=target, limit="40", message=TEXT, messages="13", min_score="0")
    press(installed, "#form_campaign button")
    until(lambda: "job:" in text(installed, "#form_campaign [role=status]"), 20, "the campaign's id")
    job_id = text(installed, "#form_campaign [role=status]").split(": ", 1)[1]
    press(installed, "#start")
    with Client(a_kept_demo.url, a_kept_demo.key, ACCOUNT) as client:
        until(lambda: client.summary(job_id)["status"] == "done", 240, "the campaign")
        [*_, send] = client.job(job_id)["stages"]
        codes = {one["username"]: one["reason_code"] or "sent" for one in client.tasks(send["job_id"])}
        sent = {one["dest_username"] for one in client.results(send["job_id"])}
    written = {
        thread["to"]: thread["messages"]
        for thread in ask_at(f"{site}/_truth/threads")["threads"]
        if thread["from"] == ACCOUNT
    }
    assert len(written) >= 10  # a few take no messages
    assert all(
        [message["text"].startswith("Hola ") for message in messages] == [True]
        for messages in written.values()
    )
    assert written.keys() == sent == {name for name, code in codes.items() if code == "sent"}
    assert set(codes.values()) <= {"sent", "not_allowed"}
    assert installed.memory()["outbox"] == []
