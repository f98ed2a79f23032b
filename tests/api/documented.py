"""A run of schemathesis over the OpenAPI document: examples, edges, random data and sequences of calls, all checks."""

from typing import Any

import schemathesis
from hypothesis import strategies as st
from schemathesis import engine
from schemathesis.config import SchemathesisConfig
from schemathesis.engine import events

schemathesis.openapi.format(
    "username", st.from_regex(r"@?[a-z0-9_]{1,12}(\.[a-z0-9_]{1,8})?", fullmatch=True)
)
schemathesis.openapi.format(
    "message-text", st.sampled_from(["Hola {first_name}", "¿Qué tal, {username}? 😀", "{{}}"])
)


def config(key: str, examples: int, client_id: str = "acme", *, is_random: bool = True) -> SchemathesisConfig:
    """All checks and the same requests every time, by the client of this key; without `is_random`, examples and edges
    alone."""
    return SchemathesisConfig.from_dict(
        {
            "headers": {"X-Api-Key": key},
            "generation": {
                "deterministic": True,
                "max-examples": examples,
                "no-shrink": True,
                "database": "none",
                "allow-x00": False,  # no column holds it: 400, whatever the document says of strings
            },
            "phases": {"fuzzing": {"enabled": is_random}, "stateful": {"enabled": is_random}},
            "parameters": {"header.X-Client-Id": client_id},  # any other is somebody else's: 403
        }
    )


def faults(api: Any) -> list[str]:
    """What is not as documented, with the request that shows it. `api` is a schema of schemathesis."""
    found: dict[tuple[str, str], str] = {}
    for event in engine.from_schema(api).execute():
        if isinstance(event, events.NonFatalError):
            found[event.label, "error"] = str(event.value)
        if isinstance(event, events.FatalError):
            raise event.exception
        if isinstance(event, events.ScenarioFinished):
            for case_id, checks in event.recorder.checks.items():
                for check in checks:
                    if info := check.failure_info:
                        case = event.recorder.cases[case_id].value
                        request = f"{case.method} {case.formatted_path} {case.query} {case.body!r:.300}"
                        text = f"{info.failure.title}: {info.failure.message:.300}\n  {request}"
                        found.setdefault((event.recorder.label, check.name), text)
    return [f"{label} [{check}] {text}" for (label, check), text in sorted(found.items())]
