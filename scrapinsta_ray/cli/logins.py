"""A CSV of bot accounts, checked whole before any of it is used. What it finds wrong never repeats a field."""

import base64
import csv
import io
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from scrapinsta_ray.domain import usernames
from scrapinsta_ray.store.accounts import Login

MAX_PASSWORD = 256
_HEADER = ("username", "password")


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong with a line; the first is 1."""

    line: int
    problem: str


@dataclass(frozen=True, slots=True)
class File:
    """What a file holds. Its logins are to be used only if there are no problems."""

    logins: Sequence[Login]
    problems: Sequence[Problem]
    second_factors: int = 0  # logins with a TOTP secret


def read(data: bytes) -> File:
    """Lines of `username,password[,totp_secret]` in UTF-8, quoted as CSV is; a first line of names may be there."""
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as wrong:
        return File([], [Problem(data[: wrong.start].count(b"\n") + 1, "it is not UTF-8")], 0)
    logins: list[Login] = []
    problems: list[Problem] = []
    lines: dict[str, int] = {}
    for line, row in _rows(text, problems):
        complaint = _complaint(row)
        if not complaint:
            login = Login(usernames.normalize(row[0]), row[1], _optional(row))
            before = lines.setdefault(login.username, line)
            logins.append(login)
            complaint = f"{login.username} stands in line {before} already" if before != line else ""
        if complaint:
            problems.append(Problem(line, complaint))
    if not logins and not problems:
        problems.append(Problem(1, "there is no account in it"))
    return File(logins, problems, sum(login.totp_secret is not None for login in logins))


def second_factor(text: str) -> str:
    """The secret of an authenticator app: base32, in any case, with or without spaces. Raises ValueError."""
    plain = "".join(text.split()).upper().rstrip("=")
    try:
        if not base64.b32decode(plain + "=" * (-len(plain) % 8)):
            raise ValueError
    except ValueError:
        raise ValueError("the secret of the second factor is not base32") from None
    return plain


def _optional(row: Sequence[str]) -> str | None:
    return second_factor(row[2]) if len(row) == 3 and row[2].strip() else None


def _rows(text: str, problems: list[Problem]) -> Iterator[tuple[int, list[str]]]:
    """Each row that is not blank, with the line that it begins in; what is no CSV becomes a problem."""
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    begins = 1
    try:
        for row in reader:
            named = begins == 1 and tuple(field.strip().lower() for field in row[:2]) == _HEADER
            if any(field.strip() for field in row) and not named:
                yield begins, row
            begins = reader.line_num + 1
    except csv.Error as wrong:
        problems.append(Problem(begins, f"it is not CSV: {wrong}"))


def _complaint(row: Sequence[str]) -> str:
    """What is wrong with a row by itself; nothing if it is good."""
    if len(row) not in (2, 3):
        return f"it has {len(row)} fields; give username,password and put quotes around what holds a comma"
    try:
        usernames.normalize(row[0])
    except ValueError:
        return "the first field is not a username"  # it may be the password: not repeated
    if not row[1]:
        return "the password is empty"
    if len(row[1]) > MAX_PASSWORD:
        return f"the password is longer than {MAX_PASSWORD} characters"
    if any(unicodedata.category(char) == "Cc" for char in row[1]):
        return "the password holds a line end or another control character"
    try:
        _optional(row)
    except ValueError as wrong:
        return str(wrong)
    return ""
