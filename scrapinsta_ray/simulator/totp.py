"""One-time codes of a second factor: RFC 6238 over RFC 4226, with SHA-1, 30 seconds and six digits as apps use them."""

import base64
import hashlib
import hmac
import time

STEP_SECONDS = 30


def secret_of(username: str) -> str:
    """The published secret of an account, base32 without padding; the same at every start."""
    return base64.b32encode(hashlib.sha256(f"second factor of {username}".encode()).digest()[:20]).decode()


def hotp(key: bytes, counter: int, digits: int = 6, algorithm: str = "sha1") -> str:
    """RFC 4226, section 5.3: the code of one counter."""
    mac = hmac.digest(key, counter.to_bytes(8, "big"), algorithm)
    offset = mac[-1] & 0x0F
    number = int.from_bytes(mac[offset : offset + 4], "big") & 0x7FFFFFFF
    return f"{number % 10**digits:0{digits}d}"


def totp(secret: str, at: float | None = None) -> str:
    """The code at a moment (seconds since 1970), by default now."""
    seconds = time.time() if at is None else at
    return hotp(base64.b32decode(secret), int(seconds // STEP_SECONDS))


def accepts(secret: str, code: str, at: float | None = None) -> bool:
    """Whether a code holds now; that of the step before or after does too, for clocks that differ."""
    now = time.time() if at is None else at
    near = [totp(secret, now + shift) for shift in (-STEP_SECONDS, 0, STEP_SECONDS)]
    return any(hmac.compare_digest(one, code) for one in near) if code.isascii() else False
