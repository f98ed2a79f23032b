"""Who makes a request: an API key or a token, checked against the database and remembered for two seconds."""

import hashlib
import logging
import re
import secrets
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from math import inf
from typing import Generic, TypeVar

from cryptography.fernet import MultiFernet
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request

from scrapinsta_ray.api import claims
from scrapinsta_ray.api.claims import BadToken, Claims, Expired, UnknownKey
from scrapinsta_ray.api.edge import ORIGIN, Origin, Rules, counted
from scrapinsta_ray.api.errors import ApiError
from scrapinsta_ray.errors import Misconfigured
from scrapinsta_ray.store import clients, meters, tokens
from scrapinsta_ray.store.clients import Caller
from scrapinsta_ray.store.database import Database

log = logging.getLogger(__name__)

T = TypeVar("T")

MEMORY_S = 2.0
"""For so long a replica believes what it has read of a key, a client or a token: so late is a revocation at most."""

ONCE_GOOD_S = 3_600.0
"""For so long a replica keeps that a key or token was good, whoever fails with its id or from its address."""

TOKEN_TTL_S = 900.0

_MOST = 10_000
_BEARER = re.compile(r"(?i:bearer) +(\S+) *")
_KEY_ID = re.compile(r"si_([^_]{1,100})_")
_CHALLENGE = {"WWW-Authenticate": "Bearer"}


@dataclass(frozen=True, slots=True)
class Credential:
    """What somebody showed: the text of a key, or of a token."""

    text: str = field(repr=False)
    is_key: bool

    def digest(self) -> bytes:
        """Under this it is remembered; the text is not kept."""
        return hashlib.sha256(f"{self.is_key} {self.text}".encode()).digest()


@dataclass(frozen=True, slots=True)
class Session:
    """A caller; if by a token, the token's jti, its parent's, and when it ends (Unix seconds)."""

    caller: Caller
    ends_at: float = inf
    jti: str | None = None
    parent: str | None = None


@dataclass(frozen=True, slots=True)
class Issued:
    """A new token, and for how many whole seconds it is good."""

    access_token: str = field(repr=False)
    expires_in: int
    jti: str
    scopes: frozenset[str]


class Gate:
    """Lets callers in. One per process: it remembers, for MEMORY_S, whom it has let in.

    `fernet` opens the signing keys; without one there are no tokens.
    """

    def __init__(
        self,
        db: Database,
        fernet: MultiFernet | None = None,
        *,
        rules: Rules | None = None,
        token_ttl_s: float = TOKEN_TTL_S,
    ) -> None:
        self.rules = rules or Rules()
        self._db = db
        self._fernet = fernet
        self._token_ttl_s = token_ttl_s
        self._sessions: Memory[Session] = Memory()
        self._once_good: Memory[bool] = Memory()
        self._ring = Ring(db, fernet)

    async def session(self, request: Request) -> Session:
        """The one who asks; the common request asks no database. Raises ApiError 401, or RateLimited."""
        credential = _credential(request)
        if session := self._sessions.get(credential.digest()):
            return session
        return await run_in_threadpool(self.admit, credential, request)

    def admit(self, credential: Credential, request: Request) -> Session:
        """Whose key or token this is. Raises ApiError 401, or RateLimited after too many failures.

        The same steps for every wrong key, whichever part of it is wrong. Who was good here lately is looked up even
        when strangers have used up the failures of its id or address.
        """
        digest = credential.digest()
        strangers = _strangers(credential, request)
        if strangers and not self._once_good.get(digest):
            meters.may_log_in(self._db, *strangers)
        try:
            admit = self._by_key if credential.is_key else self._by_token
            session, lasts_s = admit(credential.text)
        except BadToken:
            if strangers:
                meters.failed_login(self._db, *strangers)
            raise bad_credentials() from None
        self._sessions.put(digest, session, min(MEMORY_S, lasts_s))
        self._once_good.put(digest, True, ONCE_GOOD_S)
        return session

    def _by_key(self, key: str) -> tuple[Session, float]:
        known = clients.authenticate(self._db, key)
        if known is None:
            raise BadToken
        if known.unused_s > 60:
            clients.note_use(self._db, known.caller.key_id)
        return Session(known.caller), known.lasts_s

    def _by_token(self, token: str) -> tuple[Session, float]:
        try:
            said = self._read(token)
        except Expired:
            raise ApiError(401, "TOKEN_EXPIRED", "This token's time is over: log in again.") from None
        return self.standing(said), said.expires_at + claims.LEEWAY_S - time.time()

    def _read(self, token: str) -> Claims:
        try:
            return claims.read(token, self._ring.secrets())
        except UnknownKey:  # perhaps one that another replica has just made
            return claims.read(token, self._ring.secrets(fresh=True))

    def standing(self, said: Claims) -> Session:
        """What was said and sealed once, if it holds still. Raises ApiError 401."""
        jtis = [said.jti, said.parent] if said.parent else [said.jti]
        now = tokens.standing(self._db, said.client_id, said.key_id, jtis, said.job_id)
        since = now.job_revoked_at
        if now.status is None or now.token_revoked or (since and said.issued_at <= since.timestamp()):
            raise ApiError(
                401, "TOKEN_REVOKED", "This token, or the key that made it, was revoked: log in again."
            )
        caller = Caller(
            said.client_id,
            said.scopes,
            now.status,
            key_id=said.key_id,
            job_id=said.job_id,
            actor=f"token:{said.jti}",
        )
        return Session(caller, said.expires_at, said.jti, said.parent)

    def sealer(self) -> MultiFernet:
        """What seals and opens sessions. Raises Misconfigured if there is no secret key."""
        if self._fernet is None:
            raise Misconfigured("There are no sessions here: this server was started without a secret key.")
        return self._fernet

    def issue(
        self,
        session: Session,
        *,
        job_id: str | None = None,
        scopes: frozenset[str] | None = None,
        ttl_s: float | None = None,
    ) -> Issued:
        """A token of the session's client, never wider nor longer than the session itself.

        `scopes` beyond the session's are left out; a token of a job never has the scope admin. Raises ApiError 403 for
        the token of a token, so that one revocation reaches all that come from it; Misconfigured if the signing keys
        cannot be opened.
        """
        caller = session.caller
        if session.parent:
            raise ApiError(403, "KEY_NEEDED", "This token was made with a token: make another with the key.")
        granted = caller.scopes if scopes is None else caller.scopes & clients.implied(scopes)
        granted = granted - {clients.ADMIN} if job_id else granted
        key, at = self._ring.signing()
        ends_at = min(at + min(ttl_s or inf, self._token_ttl_s, tokens.LONGEST_S), session.ends_at)
        said = Claims(
            caller.client_id, granted, caller.key_id, secrets.token_hex(16), at, ends_at, job_id, session.jti
        )
        return Issued(claims.sign(said, key), max(int(ends_at - at), 0), said.jti, granted)


class Ring:
    """The signing keys, opened, and remembered for MEMORY_S; so is that they cannot be opened."""

    def __init__(self, db: Database, fernet: MultiFernet | None) -> None:
        self._db = db
        self._fernet = fernet
        self._lock = threading.Lock()
        self._read_at = -inf
        self._secrets: dict[str, bytes] | Misconfigured = {}

    def secrets(self, *, fresh: bool = False) -> dict[str, bytes]:
        """kid -> secret of every key that verifies; `fresh`: read from now on. Raises Misconfigured.

        One reads while the others wait for it, so that strangers' inventions cost no more than that.
        """
        oldest = time.monotonic() - (0.0 if fresh else MEMORY_S)
        if self._read_at < oldest:
            with self._lock:
                if self._read_at < oldest:
                    began = time.monotonic()
                    self._secrets = self._load()
                    self._read_at = began
        if isinstance(self._secrets, Misconfigured):
            raise Misconfigured(self._secrets.message)
        return self._secrets

    def signing(self) -> tuple[tokens.SigningKey, float]:
        """The key that signs, and the database's time in Unix seconds. Raises Misconfigured."""
        ring = self.secrets()
        key, at = tokens.signing_key(self._db, self._sealer())
        if key.kid not in ring:
            self.secrets(fresh=True)
        return key, at.timestamp()

    def _load(self) -> dict[str, bytes] | Misconfigured:
        try:
            return {key.kid: key.secret for key in tokens.keyring(self._db, self._sealer())}
        except Misconfigured as wrong:
            if not isinstance(self._secrets, Misconfigured):
                log.error("there are no tokens: %s", wrong)
            return wrong

    def _sealer(self) -> MultiFernet:
        if self._fernet is None:
            raise Misconfigured("There are no tokens here: this server was started without a secret key.")
        return self._fernet


class Memory(Generic[T]):
    """What was true a moment ago, by the digest of a credential; the credentials themselves are not kept."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kept: dict[bytes, tuple[T, float]] = {}

    def get(self, digest: bytes) -> T | None:
        """What was put, unless its time is over."""
        kept = self._kept.get(digest)
        return kept[0] if kept and kept[1] > time.monotonic() else None

    def put(self, digest: bytes, value: T, seconds: float) -> None:
        """Keeps `value` for so long; of many, the oldest are forgotten."""
        with self._lock:
            self._kept.pop(digest, None)
            while len(self._kept) >= _MOST:
                self._kept.pop(next(iter(self._kept)))
            self._kept[digest] = (value, time.monotonic() + seconds)


def _credential(request: Request) -> Credential:
    """The key or the token; a key counts before a token. Raises ApiError 401."""
    if key := request.headers.get("x-api-key"):
        return Credential(key, is_key=True)
    if bearer := _BEARER.fullmatch(request.headers.get("authorization", "")):
        return Credential(bearer[1], is_key=False)
    raise ApiError(
        401,
        "NO_CREDENTIALS",
        "Send your key in the header X-Api-Key, or a token as Authorization: Bearer.",
        headers=_CHALLENGE,
    )


def _strangers(credential: Credential, request: Request) -> Sequence[str]:
    """Whose failures are counted: the id of a key, and the address if it is known."""
    origin = request.scope.get(ORIGIN)
    address = counted(origin.address) if isinstance(origin, Origin) else None
    key_id = _KEY_ID.match(credential.text) if credential.is_key else None
    named = [meters.stranger("key", key_id[1])] if key_id else []
    return [*named, meters.stranger("addr", address)] if address else named


def bad_credentials() -> ApiError:
    """The same whatever is wrong with a key or a token."""
    return ApiError(
        401,
        "BAD_CREDENTIALS",
        "This key or token is not known, has expired or was revoked.",
        headers=_CHALLENGE,
    )
