"""What the console says, in English and in Spanish."""

import ast
import re
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from scrapinsta_ray import console, errors
from scrapinsta_ray.console import texts
from scrapinsta_ray.domain import messages, usernames
from scrapinsta_ray.store import accounts
from scrapinsta_ray.store.database import Database
from tests.console.conftest import FERNET, a_job_with_everything, every_page

PAGES = Path(console.__file__).parent


def said() -> set[str]:
    """Every text that a page or a module says."""
    found = set()
    for page in (PAGES / "templates").glob("*.html"):
        found |= {
            ast.literal_eval(one) for one in re.findall(r"""\bt\(("[^"]*"|'[^']*')""", page.read_text())
        }
    for module in PAGES.glob("*.py"):
        calls = (node for node in ast.walk(ast.parse(module.read_text())) if isinstance(node, ast.Call))
        for call in calls:
            name = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
            if name in ("say", "say_of") or isinstance(call.func, ast.Call):
                found |= {one.value for one in call.args if isinstance(one, ast.Constant)}
    return found | set(texts.DONE.values())


def test_every_text_has_its_spanish_with_the_same_fields() -> None:
    assert said() <= set(texts.SPANISH)
    for english, spanish in texts.SPANISH.items():
        assert sorted(re.findall(r"{\w+}", english)) == sorted(re.findall(r"{\w+}", spanish)), english


def test_the_language_is_the_browsers_until_somebody_chooses(operators: TestClient, db: Database) -> None:
    job_id = a_job_with_everything(db)
    accounts.add(db, FERNET, "bot_1", "secret")
    spanish = operators.get("/console/", headers={"Accept-Language": "fr, es-AR;q=0.8, en;q=0.5"})
    assert '<html lang="es">' in spanish.text and "Resumen" in spanish.text
    operators.get("/console/language?to=es&back=/console/jobs")
    for path in every_page(job_id):
        page = operators.get(f"/console{path}")
        assert page.status_code == 200 and '<html lang="es">' in page.text
    assert (
        operators.get("/console/language?to=en&back=https://evil.example", follow_redirects=False).headers[
            "location"
        ]
        == "/console"
    )


def test_what_other_rooms_complain_of_is_said_in_spanish() -> None:
    spanish = texts.Say("es")
    for check, wrong in (
        (messages.check, ("", "{x}", "{", "x" * 1_001)),
        (usernames.normalize, ("", "a..b", "a b", "a" * 40, "https://www.instagram.com/explore/")),
    ):
        for text in wrong:
            with pytest.raises(ValueError) as complaint:
                check(text)
            assert spanish.known(str(complaint.value)) != str(complaint.value)
    for english, translated in texts.SAID_ELSEWHERE.items():
        assert sorted(re.findall(r"{\w+}", english)) == sorted(re.findall(r"{\w+}", translated)), english


def test_every_error_of_ours_has_a_word() -> None:
    kinds = [one for one in vars(errors).values() if isinstance(one, type)]
    codes = {one.code for one in kinds if issubclass(one, errors.ScrapInstaError)}
    assert codes - {"stale_lease", "start_failed", "cluster_lost", "misconfigured"} <= set(texts.WORDS)
