"""`scrapinsta rescore` with a Ray of its own."""

import json
import os
import signal
import subprocess
import sys
from functools import partial

import pytest
from sqlalchemy import select

from scrapinsta_ray.domain.models import Media, MediaKind, Profile
from scrapinsta_ray.domain.scoring import scores_of
from scrapinsta_ray.store import profiles, rescoring, schema
from scrapinsta_ray.store.database import clock, reading, transaction
from scrapinsta_ray.store.tables import profile_scores
from scrapinsta_ray.store.tables import profiles as profile_table

NAMES = [f"person_{n:02}" for n in range(30)]


@pytest.fixture
def thirty_people(shell, monkeypatch):
    """Stored without scores; some pages of them, on a Ray of the test's own."""
    monkeypatch.setenv("SCRAPINSTA_CLUSTER_ADDRESS", "local")
    monkeypatch.setattr(rescoring, "pages", partial(rescoring.pages, size=7))
    made = [a_profile(name, n) for n, name in enumerate(NAMES)]
    with shell.database() as db:
        schema.upgrade(db)
        transaction(profiles.store)(db, made, [])
    return made


def a_profile(name: str, n: int) -> Profile:
    posts = [Media(f"{n}_{m}", f"{n}_{m}", None, MediaKind.IMAGE, 10 * n + m, m) for m in range(n % 4)]
    return Profile(
        name, followers=500, posts=9, biography="Personal trainer" if n % 2 else None, media=tuple(posts)
    )


@reading
def stored(tx):
    scores = {row.username: row for row in tx.execute(select(profile_scores))}
    people = tx.execute(select(profile_table.c.username, profile_table.c.rubro))
    rubros = {row.username: row.rubro for row in people}
    return scores, rubros, clock(tx)


@pytest.mark.slow
def test_all_that_is_stored_is_scored_once_as_it_would_be_in_memory(shell, thirty_people):
    first = json.loads(shell.run("rescore", "--json").out)
    assert (first["model"], first["due"], first["scored"]) == ("v2", 30, 30)
    with shell.database() as db:
        scores, rubros, _at = stored(db)
    for profile, expected in zip(thirty_people, scores_of(thirty_people), strict=True):
        row = scores[profile.username]
        assert (row.model, row.reason) == ("v2", expected.reason)
        assert row.success == pytest.approx(expected.success) and row.confidence == pytest.approx(
            expected.confidence
        )
        assert dict(row.parts) == pytest.approx(dict(expected.parts))
    assert {rubros[name] for name in NAMES[1::2]} == {"fitness"}
    assert {rubros[name] for name in NAMES[::2]} == {None}

    again = json.loads(shell.run("rescore", "--json").out)
    assert (again["due"], again["scored"]) == (0, 0)


def test_an_unknown_model_is_a_mistake_in_what_was_typed(shell):
    assert shell.run("rescore", "--model", "v9").code == 2
    assert "v1, v2" in shell.err


def test_where_to_go_on_is_said_after_ctrl_c(shell, thirty_people, monkeypatch):
    from scrapinsta_ray.cli import rescore

    def interrupted(*_anything):
        raise KeyboardInterrupt

    monkeypatch.setattr(rescore, "_rescore", interrupted)
    shell.run("rescore", "--all", "--since", "7d")
    assert shell.code == 130
    assert "scrapinsta rescore --model v2 --since 7d --scored-before 20" in shell.err


# ---- cut off in the middle -------------------------------------------------------------------------------

CUT_OFF = """
import signal
from functools import partial
from scrapinsta_ray import cli
from scrapinsta_ray.store import rescoring

rescoring.pages, rescoring.WRITE = partial(rescoring.pages, size=7), 4
written, writes = rescoring._write_rubros, 0

def cut_off(tx, rescored):
    global writes
    writes += 1
    if writes == 4:  # in a transaction that has written scores, behind 4 + 3 + 4 profiles
        signal.raise_signal(signal.{signal})
    written(tx, rescored)

rescoring._write_rubros = cut_off
cli.main()
"""
DONE = NAMES[:11]


def run_until_cut_off(name: str, *words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", CUT_OFF.replace("{signal}", name), "rescore", *words]
    return subprocess.run(command, env=os.environ, capture_output=True, text=True, timeout=180)


def scored_at(shell, model):
    with shell.database() as db, db.begin() as tx:
        of = profile_scores.c
        rows = tx.execute(select(of.username, of.scored_at, of.success).where(of.model == model))
        return {row.username: (row.scored_at, row.success) for row in rows}


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_killed_in_the_middle_it_goes_on_where_it_was(shell, thirty_people):
    with shell.database() as db:
        transaction(profiles.store)(db, thirty_people, scores_of(thirty_people, model="v1"))
    by_v1 = scored_at(shell, "v1")
    assert run_until_cut_off("SIGKILL").returncode == -signal.SIGKILL
    first = scored_at(shell, "v2")
    assert sorted(first) == DONE

    again = json.loads(shell.run("rescore", "--json").out)
    assert (again["due"], again["scored"]) == (19, 19)
    whole = scored_at(shell, "v2")
    assert sorted(whole) == NAMES
    assert {name: whole[name] for name in DONE} == first  # none twice
    assert scored_at(shell, "v1") == by_v1 and sorted(by_v1) == NAMES


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_after_ctrl_c_the_command_that_it_names_does_the_rest(shell, thirty_people):
    shell.run("rescore")
    before = scored_at(shell, "v2")
    stopped = run_until_cut_off("SIGINT", "--all")
    assert stopped.returncode == 130
    _, _, go_on = stopped.stderr.partition("go on with: scrapinsta ")
    first = scored_at(shell, "v2")
    assert sorted(name for name in NAMES if first[name] != before[name]) == DONE

    done = json.loads(shell.run(*go_on.splitlines()[0].split(), "--json").out)
    assert (done["due"], done["scored"]) == (19, 19)
    whole = scored_at(shell, "v2")
    assert {name: whole[name] for name in DONE} == {name: first[name] for name in DONE}
    assert all(whole[name] > before[name] for name in NAMES)
