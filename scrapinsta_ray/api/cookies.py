"""A person's session at the console: sealed into a cookie, good while it is used and for twelve hours at most.

What is sealed is not a key: it names one, and falls with it. Signing out revokes it on every replica.
"""

import hashlib
import json
import secrets
import time
from dataclasses import dataclass, field, replace

from cryptography.fernet import InvalidToken
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from scrapinsta_ray.api.auth import MEMORY_S, Gate, Memory, Session
from scrapinsta_ray.api.claims import Claims
from scrapinsta_ray.api.edge import ORIGIN, Origin
from scrapinsta_ray.api.errors import ApiError

NAME = "scrapinsta_session"

IDLE_S = 1_800.0
"""Unused for so long, a session is over."""

LONGEST_S = 12 * 3_600.0
"""So long after its beginning it is over in any case; less than a revocation is kept."""

_RENEW_S = 300.0
_USE = "console"


@dataclass(frozen=True, slots=True)
class Signed:
    """Somebody who has signed in. `csrf` goes into every form; `stale`: their cookie should be renewed."""

    session: Session
    csrf: str = field(repr=False)
    began_at: float  # Unix seconds
    sealed_at: float

    @property
    def stale(self) -> bool:
        return time.time() - self.sealed_at > _RENEW_S


class Cookies:
    """Seals sessions, and opens them. One per process: what is good is remembered as long as a key is."""

    def __init__(self, gate: Gate) -> None:
        self._gate = gate
        self._known: Memory[Signed] = Memory()

    def begin(self, session: Session) -> Signed:
        """A session of the one who has shown a key."""
        at = time.time()
        return Signed(replace(session, jti=secrets.token_hex(16)), secrets.token_hex(16), at, at)

    def put(self, response: Response, signed: Signed, *, https: bool) -> None:
        """Sets the cookie, good for IDLE_S from now."""
        caller = signed.session.caller
        body = {
            "use": _USE,
            "client": caller.client_id,
            "scopes": sorted(caller.scopes),
            "key": caller.key_id,
            "jti": signed.session.jti,
            "began": signed.began_at,
            "at": time.time(),
            "csrf": signed.csrf,
        }
        sealed = self._gate.sealer().encrypt(json.dumps(body).encode()).decode()
        response.set_cookie(NAME, sealed, path="/", secure=https, httponly=True, samesite="strict")

    async def signed(self, request: Request) -> Signed | None:
        """Who asks by the cookie, if it is good still."""
        text = request.cookies.get(NAME)
        if not text or len(text) > 4_096:
            return None
        digest = hashlib.sha256(text.encode()).digest()
        if known := self._known.get(digest):
            return known
        signed = await run_in_threadpool(self._open, text)
        if signed:
            self._known.put(digest, signed, MEMORY_S)
        return signed

    def _open(self, text: str) -> Signed | None:
        try:
            said = json.loads(self._gate.sealer().decrypt(text.encode(), ttl=int(IDLE_S)))
            if not isinstance(said, dict) or said.get("use") != _USE:
                return None
            over = said["began"] + LONGEST_S
            scopes = frozenset(said["scopes"])
            claims = Claims(said["client"], scopes, said["key"], said["jti"], said["began"], over)
            if time.time() > over:
                return None
            return Signed(self._gate.standing(claims), said["csrf"], said["began"], said["at"])
        except (InvalidToken, ValueError, KeyError, TypeError, ApiError):
            return None


def is_https(request: Request) -> bool:
    """Did this request come by HTTPS, as far as we are told by whom we believe?"""
    origin = request.scope.get(ORIGIN)
    return isinstance(origin, Origin) and origin.https
