"""`scrapinsta accounts ...`: bot accounts come and go; their secrets are sealed and shown nowhere."""

import json
import re
from pathlib import Path

import pytest
from cryptography.fernet import Fernet
from hypothesis import given
from hypothesis import strategies as st

from scrapinsta_ray import settings
from scrapinsta_ray.cli import logins
from scrapinsta_ray.store import accounts
from scrapinsta_ray.store.database import Database
from tests.cli.conftest import Shell


def test_bot_accounts_come_and_go_with_their_password_sealed(shell: Shell) -> None:
    assert shell.run("accounts", "add", "@Bot_One", "--password-stdin", say="open sesame\n").code == 0
    [row] = json.loads(shell.run("accounts", "list", "--json").out)
    assert (row["username"], row["status"]) == ("bot_one", "active")
    assert all(b"open sesame" not in path.read_bytes() for path in shell.home.glob("*"))
    assert "bot_one" in shell.run("accounts", "list").out
    assert shell.run("accounts", "resume", "bot_one").code == 0
    assert shell.run("accounts", "remove", "bot_one").code == 0
    assert shell.run("accounts", "remove", "bot_one").code == 1
    assert "no account" in shell.err


def test_a_wrong_key_file_says_so_and_is_never_a_wrong_password(shell: Shell) -> None:
    shell.monkeypatch.setenv("SCRAPINSTA_SECRET_KEY", "too short")
    assert shell.run("accounts", "add", "bot_1", "--password-stdin", say="x\n").code == 1
    assert "SCRAPINSTA_SECRET_KEY" in shell.err


# ---- pause and audit -------------------------------------------------------------------------------------


def statuses(shell: Shell) -> dict[str, tuple[str, str | None]]:
    rows = json.loads(shell.run("accounts", "list", "--json").out)
    return {row["username"]: (row["status"], row["reason"]) for row in rows}


def test_an_account_is_paused_with_a_reason_and_resumed(shell: Shell) -> None:
    shell.run("accounts", "add", "bot_1", "--password-stdin", say="x\n")
    assert shell.run("accounts", "pause", "bot_1", "--reason", "new phone").code == 0
    assert statuses(shell) == {"bot_1": ("paused", "new phone")}
    answer = json.loads(shell.run("accounts", "resume", "@Bot_1", "--json").out)
    assert answer == {"username": "bot_1", "status": "active"}
    assert statuses(shell) == {"bot_1": ("active", None)}


@pytest.mark.parametrize("verb", ["pause", "resume", "remove"])
def test_an_unknown_account_says_where_to_look(shell: Shell, verb: str) -> None:
    assert shell.run("accounts", verb, "nobody").code == 1
    assert "no account nobody" in shell.err and "accounts list" in shell.err


# ---- import ----------------------------------------------------------------------------------------------


@pytest.fixture
def a_file(tmp_path: Path) -> Path:
    file = tmp_path / "bots.csv"
    file.touch(mode=0o600)
    return file


def test_a_file_is_imported_whole(shell: Shell, a_file: Path) -> None:
    shell.run("accounts", "add", "bot_1", "--password-stdin", say="before\n")
    a_file.write_bytes(
        b'\xef\xbb\xbfUsername,Password\r\n@Bot_1,"comma, and ""quote"""\r\n\r\nbot_2, blank \r\n'
    )
    done = json.loads(shell.run("accounts", "import", str(a_file), "--json").out)
    assert (done, shell.code) == ({"added": 1, "changed": 1, "second_factors": 0}, 0)
    assert "readable" not in shell.err and "may be read" not in shell.err
    assert "delete it" in shell.err
    found = shell.settings()
    with shell.database() as db:
        first, second = (accounts.credentials(db, found.fernet, name) for name in ("bot_1", "bot_2"))
    assert first and first.password == 'comma, and "quote"'
    assert second and second.password == " blank "


def test_every_wrong_line_is_named_and_nothing_is_imported(shell: Shell, a_file: Path) -> None:
    a_file.write_text(
        "bot_1,good\nhunter2 !,bot_2\nbot_3,\nbot_1,fourth!\nbot_4\nbot_5,a,b,c\nbot_6,two\tparts\n"
    )
    assert shell.run("accounts", "import", str(a_file)).code == 1
    assert re.findall(r"line (\d+):", shell.err) == [*"234567"]
    assert "Nothing was imported" in shell.err
    assert not any(secret in shell.err for secret in ("hunter2", "good", "fourth!", "parts"))
    assert statuses(shell) == {}
    problems = json.loads(shell.run("accounts", "import", str(a_file), "--json").out)["problems"]
    assert [problem["line"] for problem in problems] == [2, 3, 4, 5, 6, 7]


@pytest.mark.parametrize(
    ("data", "line", "says"),
    [
        (b"", 1, "no account"),
        (b"username,password\n", 1, "no account"),
        (b"bot_1,x\nbot_2,\xff\n", 2, "UTF-8"),
        (b'bot_1,x\nbot_2,"open\n', 2, "CSV"),
        (b"bot_1,x\nbot_2,a\x00b\n", 2, "control"),
        (b'bot_1,"a\nb"\nbot_1,x\n', 1, "line end"),
        (b"bot_1," + b"x" * 300, 1, "longer"),
    ],
)
def test_what_is_wrong_with_a_file(data: bytes, line: int, says: str) -> None:
    [problem] = logins.read(data).problems
    assert problem.line == line and says in problem.problem


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    read = logins.read(data)
    assert bool(read.logins) or bool(read.problems)


@given(
    st.dictionaries(
        st.from_regex(r"[a-z0-9_]{1,30}", fullmatch=True).filter(lambda name: name != "username"),
        st.text(st.characters(exclude_categories=["Cc", "Cs"]), min_size=1, max_size=40),
        min_size=1,
    )
)
def test_what_csv_can_write_is_read_back(pairs: dict[str, str]) -> None:
    lines = [f'{name},"{password.replace(chr(34), chr(34) * 2)}"' for name, password in pairs.items()]
    read = logins.read("\n".join(lines).encode())
    assert not read.problems
    assert {login.username: login.password for login in read.logins} == pairs


def test_a_file_that_others_may_read_is_warned_about(shell: Shell, a_file: Path) -> None:
    a_file.write_text("bot_1,x\n")
    a_file.chmod(0o644)
    assert shell.run("accounts", "import", str(a_file)).code == 0
    assert f"chmod 600 {a_file}" in shell.err


def second_factor_of(shell: Shell, username: str) -> str | None:
    found = settings.load()
    db = Database(found.url)
    known = accounts.credentials(db, found.fernet, username)
    db.dispose()
    assert known
    return known.totp_secret


def test_the_secret_of_a_second_factor_is_kept_sealed(shell: Shell, a_file: Path) -> None:
    a_file.write_text("bot_1,x,jbsw y3dp ehpk 3pxp\nbot_2,y,\n")
    done = json.loads(shell.run("accounts", "import", str(a_file), "--json").out)
    assert done["second_factors"] == 1
    assert second_factor_of(shell, "bot_1") == "JBSWY3DPEHPK3PXP"
    assert second_factor_of(shell, "bot_2") is None
    assert all(b"JBSWY3" not in path.read_bytes() for path in shell.home.glob("*"))
    shell.run("accounts", "add", "bot_2", "--password-stdin", "--totp-stdin", say="z\nGEZDGNBVGY3TQOJQ\n")
    assert second_factor_of(shell, "bot_2") == "GEZDGNBVGY3TQOJQ"
    shell.run("accounts", "add", "bot_2", "--password-stdin", say="another\n")
    assert second_factor_of(shell, "bot_2") == "GEZDGNBVGY3TQOJQ", "a new password keeps it"


def test_a_secret_that_is_not_base32_is_refused_and_not_repeated(shell: Shell, a_file: Path) -> None:
    a_file.write_text("bot_1,x,not-base-32!\n")
    assert shell.run("accounts", "import", str(a_file)).code == 1
    assert "line 1: the secret of the second factor is not base32" in shell.err
    done = shell.run("accounts", "add", "bot_1", "--password-stdin", "--totp-stdin", say="z\nnot-base-32!\n")
    assert done.code == 2
    assert "not-base" not in shell.err + shell.out
    assert json.loads(shell.run("accounts", "list", "--json").out) == []


def test_a_file_that_is_not_there_is_named(shell: Shell) -> None:
    assert shell.run("accounts", "import", "nowhere.csv").code == 1
    assert "nowhere.csv" in shell.err and "Traceback" not in shell.err


# ---- keys ------------------------------------------------------------------------------------------------


def test_the_key_is_changed_and_the_old_one_taken_away(shell: Shell) -> None:
    old, new = (shell.run("secret-key").out.strip() for _ in range(2))
    assert old != new
    shell.monkeypatch.setenv("SCRAPINSTA_SECRET_KEY", old)
    shell.run("accounts", "add", "bot_1", "--password-stdin", say="open sesame\n")

    shell.monkeypatch.setenv("SCRAPINSTA_SECRET_KEY", f"{new}, {old}")
    done = json.loads(shell.run("accounts", "reseal", "--json").out)
    assert done == {"passwords": 1, "cookies": 0, "second_factors": 0, "signing_keys": 0}

    shell.monkeypatch.setenv("SCRAPINSTA_SECRET_KEY", new)
    assert shell.run("accounts", "reseal").code == 0
    shell.monkeypatch.setenv("SCRAPINSTA_SECRET_KEY", old)
    for words in (("accounts", "reseal"), ("accounts", "add", "bot_2", "--password-stdin")):
        assert shell.run(*words, say="x\n").code == 1
        assert "another key" in shell.err
        assert old not in shell.err and new not in shell.err


def test_the_key_file_may_hold_several_keys_too(shell: Shell) -> None:
    shell.run("accounts", "add", "bot_1", "--password-stdin", say="open sesame\n")
    file = shell.home / "secret.key"
    assert file.stat().st_mode & 0o077 == 0
    old, new = file.read_text().strip(), Fernet.generate_key().decode()
    file.write_text(f"{new}\n{old}\n")
    assert shell.run("accounts", "reseal").code == 0
    file.write_text(new)
    assert shell.run("accounts", "reseal").code == 0


@pytest.mark.parametrize("text", ["too short", ",", "clave-ñ", "a" * 44 + "," + "b"])
def test_what_is_no_key_is_refused_unrepeated(shell: Shell, text: str) -> None:
    shell.monkeypatch.setenv("SCRAPINSTA_SECRET_KEY", text)
    assert shell.run("accounts", "add", "bot_1", "--password-stdin", say="x\n").code == 1
    assert "SCRAPINSTA_SECRET_KEY must hold" in shell.err and "secret-key" in shell.err
    assert text == "," or text not in shell.err
