"""What a token says, signed and read again: JWT with HS256, the key named by `kid`."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from math import floor
from typing import Any

import jwt

from scrapinsta_ray.store.tokens import SigningKey

ISSUER = "scrapinsta"
LEEWAY_S = 10
"""How far two machines' clocks may be apart."""

MAX_TOKEN = 4_096
"""Characters; ours have about 500."""

_ALGORITHM = "HS256"
_SHAPE = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+")
_REQUIRED = ["iss", "client_id", "scope", "key", "jti", "iat", "exp"]


class BadToken(Exception):
    """This is no token of ours."""


class UnknownKey(BadToken):
    """It names a key that is not on the ring: perhaps a new one."""


class Expired(BadToken):
    """It was ours, and its time is over."""


@dataclass(frozen=True, slots=True)
class Claims:
    """A token's content. `key_id`: the API key that it comes from; `parent`: the token that made it, if one did."""

    client_id: str
    scopes: frozenset[str]
    key_id: str
    jti: str
    issued_at: float  # Unix seconds, by the database's clock
    expires_at: float
    job_id: str | None = None
    parent: str | None = None


def sign(claims: Claims, key: SigningKey) -> str:
    """The token."""
    body: dict[str, Any] = {
        "iss": ISSUER,
        "client_id": claims.client_id,
        "scope": " ".join(sorted(claims.scopes)),
        "key": claims.key_id,
        "jti": claims.jti,
        "iat": floor(claims.issued_at * 1_000) / 1_000,  # never after a revocation that it precedes
        "never": 0,
        "exp": int(claims.expires_at),
    }
    body |= {"job_id": claims.job_id} if claims.job_id else {}
    body |= {"parent": claims.parent} if claims.parent else {}
    return jwt.encode(body, key.secret, _ALGORITHM, headers={"kid": key.kid})


def read(token: str, keys: Mapping[str, bytes]) -> Claims:
    """What a token says, once its signature is good and its time is now. `keys`: kid -> secret.

    Raises BadToken, and of that UnknownKey or Expired, for every other text.
    """
    if len(token) > MAX_TOKEN or not _SHAPE.fullmatch(token):
        raise BadToken
    try:
        kid = jwt.get_unverified_header(token).get("kid")
        if not isinstance(kid, str) or kid not in keys:
            raise UnknownKey
        found = jwt.decode(
            token,
            keys[kid],
            [_ALGORITHM],
            issuer=ISSUER,
            leeway=LEEWAY_S,
            options={"require": _REQUIRED, "verify_aud": False},
        )
        return Claims(
            client_id=_text(found, "client_id"),
            scopes=frozenset(_text(found, "scope").split()),
            key_id=_text(found, "key"),
            jti=_text(found, "jti"),
            issued_at=float(found["iat"]),
            expires_at=float(found["exp"]),
            job_id=_text(found, "job_id") if "job_id" in found else None,
            parent=_text(found, "parent") if "parent" in found else None,
        )
    except jwt.ExpiredSignatureError:
        raise Expired from None
    except (jwt.PyJWTError, ValueError, TypeError, OverflowError, RecursionError):
        raise BadToken from None


def _text(found: Mapping[str, Any], name: str) -> str:
    value = found[name]
    if not isinstance(value, str):
        raise TypeError(name)
    return value
