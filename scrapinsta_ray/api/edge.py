"""Where requests come from, and what every answer carries: proxies, HTTPS, CORS, security headers."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

from starlette.datastructures import Headers
from starlette.middleware.cors import CORSMiddleware
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from scrapinsta_ray.api import errors

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

HTML_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
"""Content-Security-Policy of a page that sets none: what the server itself has, and nothing inline."""

API_POLICY = "default-src 'none'; frame-ancestors 'none'"

ORIGIN = "scrapinsta.origin"
"""Where in the ASGI scope the request's Origin stands."""

_HSTS = (b"strict-transport-security", b"max-age=31536000")
_ALWAYS = (
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
)
_PROBES = {"/live", "/health", "/ready", "/metrics"}
_EXPOSED = ["Retry-After", "X-Request-ID"]


@dataclass(frozen=True, slots=True)
class Rules:
    """How the applications face the outside. The default believes nobody and lets no other site in.

    `behind_serve`: Ray Serve puts X-Request-ID on every answer, so that we do not.
    """

    trusted_proxies: tuple[Network, ...] = ()
    require_https: bool = False
    cors_origins: tuple[str, ...] = ()
    behind_serve: bool = False


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a request comes from. `address`: the client's, if it is known; `inside`: from our own network."""

    address: Address | None
    https: bool
    inside: bool


def _parts(text: str) -> list[str]:
    return [part for part in re.split(r"[,\s]+", text) if part]


def origin_of(scope: Scope, rules: Rules) -> Origin:
    """Who is at the other end. Forwarded headers count only when a configured proxy hands them over.

    Then the client is the last hop that is no such proxy. Without a proxy it is the peer, if that address is public:
    a private one is our own load balancer, behind which anybody may be.
    """
    peer = _address((scope.get("client") or ("",))[0])
    https = scope.get("scheme") == "https"
    if peer is None or not _within(peer, rules.trusted_proxies):
        public = peer is not None and peer.is_global
        return Origin(peer if public else None, https, inside=not public)
    headers = Headers(scope=scope)
    said = _parts(",".join(headers.getlist("x-forwarded-proto")).lower())
    hop = last_untrusted(headers.getlist("x-forwarded-for"), rules.trusted_proxies)
    address = None if isinstance(hop, str) else hop
    inside = hop is None or (address is not None and not address.is_global)
    return Origin(address, all(word == "https" for word in said) if said else https, inside)


def last_untrusted(forwarded: Sequence[str], trusted: Sequence[Network]) -> Address | str | None:
    """The last hop of X-Forwarded-For that is none of ours; its text if it is no address; None if all are ours."""
    for hop in reversed(",".join(forwarded).split(",")):
        if not hop.strip():
            continue
        address = _address(hop.strip())
        if address is None:
            return hop.strip()
        if not _within(address, trusted):
            return address
    return None


_WITH_PORT = re.compile(r"\[([0-9A-Fa-f:.]+)\](?::\d{1,5})?|(\d+\.\d+\.\d+\.\d+):\d{1,5}")


def _address(text: str) -> Address | None:
    """An address with or without a port; an IPv4 one within IPv6 is that IPv4 one."""
    if parts := _WITH_PORT.fullmatch(text):
        text = parts[1] or parts[2]
    try:
        address = ip_address(text)
    except ValueError:
        return None
    return (address.ipv4_mapped or address) if isinstance(address, IPv6Address) else address


def _within(address: Address, nets: Iterable[Network]) -> bool:
    return any(address in net for net in nets)


def counted(address: Address | None) -> str | None:
    """The name under which an address' failures are counted: of IPv6 the /64, since one machine has all of it."""
    if isinstance(address, IPv6Address):
        return str(IPv6Network((address, 64), strict=False).network_address)
    return str(address) if address else None


class Edge:
    """ASGI: refuses plain HTTP where HTTPS is required, answers CORS, and puts the security headers on every answer."""

    def __init__(self, app: ASGIApp, rules: Rules) -> None:
        self._app = app
        self._rules = rules
        self._cors = CORSMiddleware(
            app,
            allow_origins=rules.cors_origins,
            allow_methods=["GET", "POST", "PUT", "PATCH", "DELETE"],
            allow_headers=["*"],  # those that the browser asks for: which are read is the routes' business
            expose_headers=_EXPOSED,
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        origin = origin_of(scope, self._rules)
        scope[ORIGIN] = origin

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = _with_security(message.get("headers", ()), origin.https)
            await send(message)

        if self._rules.require_https and not origin.https and not _is_probe(scope, origin):
            await _plain()(scope, receive, send_with_headers)
        elif self._is_allowed(scope):
            await self._cors(scope, receive, send_with_headers)
        else:
            await self._app(scope, receive, send_with_headers)

    def _is_allowed(self, scope: Scope) -> bool:
        """Another site may ask, if it was configured; to others we look as if there were no CORS at all."""
        return (
            bool(self._rules.cors_origins) and Headers(scope=scope).get("origin") in self._rules.cors_origins
        )


def _is_probe(scope: Scope, origin: Origin) -> bool:
    return origin.inside and scope["path"] in _PROBES


def _plain() -> JSONResponse:
    message = "Come by https://; behind a proxy, it must be one of SCRAPINSTA_TRUSTED_PROXIES and say so."
    return JSONResponse(errors.envelope("HTTPS_REQUIRED", message), 403)


def _with_security(headers: Iterable[tuple[bytes, bytes]], https: bool) -> list[tuple[bytes, bytes]]:
    """The headers and, where a route has not set them itself, ours."""
    given = list(headers)
    names = {name.lower(): value for name, value in given}
    page = names.get(b"content-type", b"").startswith(b"text/html")
    ours = [
        *_ALWAYS,
        (b"cache-control", b"no-cache" if b"etag" in names else b"no-store"),
        (b"content-security-policy", (HTML_POLICY if page else API_POLICY).encode()),
        *([_HSTS] if https else ()),
    ]
    return given + [header for header in ours if header[0] not in names]
