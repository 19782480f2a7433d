"""Who may: a key in the Authorization header, or a session that a person opened with one.

Without any key the service answers this machine alone. It then also refuses names that are not
this machine's in the Host header, or a page on the internet could point its own name at 127.0.0.1
and read what it likes (DNS rebinding).

A session is a signed cookie: the key's id, when it ends, and an HMAC by a secret that lives as long
as the service. It is good for looking only. Anything that is sent to the service with a cookie
must come from one of its own pages: browsers say so in Sec-Fetch-Site and Origin.
"""

import hashlib
import hmac
import ipaddress
import time
from collections.abc import Mapping
from dataclasses import dataclass
from http.cookies import CookieError, SimpleCookie
from typing import Any
from urllib.parse import urlsplit

from starlette.datastructures import Headers

from features.errors import TenureError
from serving.api import ApiError
from serving.keys import Key, KeyRing, Scope
from serving.rate import RateLimit

COOKIE = "tenure_session"
SESSION_SECONDS = 12 * 3600

_PROBES = frozenset({"/healthz", "/livez", "/readyz", "/openapi.json", "/metrics"})
OPEN = _PROBES - {"/metrics"} | {"/login", "/logout"}
"""Asked before anybody is known."""

_LOOKING = ("GET", "HEAD")


@dataclass(frozen=True)
class Caller:
    """Who asks: the name of the key; empty where none is needed."""

    name: str = ""

    @classmethod
    def of(cls, scope: Mapping[str, Any]) -> "Caller":
        """Find whom `Access` has let in."""
        known: Caller = scope.get("state", {}).get("caller", cls())
        return known


class Access:
    """Lets a request in, or says why not.

    Parameters
    ----------
    ring : KeyRing
    limit : RateLimit
    secret : bytes
        Signs sessions; the same in all workers.
    """

    def __init__(self, ring: KeyRing, limit: RateLimit, secret: bytes) -> None:
        self.ring = ring
        self.limit = limit
        self._secret = secret

    def admit(self, scope: Mapping[str, Any]) -> Caller:
        """Find out who asks.

        Raises
        ------
        ApiError
            401 without a valid key, 403 where it does not reach so far or nobody may ask from
            there, 429 too often, 503 where the keys cannot be read.
        """
        headers = Headers(raw=scope["headers"])
        if not self.ring.required:
            _check_near(scope, headers)
            return Caller()
        path: str = scope["path"]
        if path in OPEN or path.startswith("/static/"):
            return Caller()
        key = self._key(scope["method"], headers)
        _check_scope(key, scope_of(scope["method"], path))
        self._check_rate(key)
        return Caller(key.name)

    def open_session(self, text: str) -> tuple[Key, str]:
        """Turn a key into a cookie's value; raises ApiError 401 if it is none."""
        key = self._known(text.strip())
        ends = int(time.time()) + SESSION_SECONDS
        return key, f"{key.id}.{ends}.{self._sign(key.id, ends)}"

    def session(self, headers: Headers) -> Key | None:
        """Find the key that a cookie stands for."""
        cookies: SimpleCookie = SimpleCookie()
        try:
            cookies.load(headers.get("cookie", ""))
            number, ends, signature = cookies[COOKIE].value.split(".")
            moment = int(ends)
        except (CookieError, KeyError, ValueError):
            return None
        genuine = hmac.compare_digest(self._sign(number, moment).encode(), signature.encode())
        return self.ring.valid(number) if genuine and moment > time.time() else None

    def _sign(self, number: str, ends: int) -> str:
        return hmac.new(self._secret, f"{number}.{ends}".encode(), hashlib.sha256).hexdigest()

    def _key(self, method: str, headers: Headers) -> Key:
        told = headers.getlist("authorization")
        if not told:
            if method in _LOOKING and (key := self.session(headers)):
                return key
            raise _unknown("Give a key: `Authorization: Bearer tenure_...`.", "no_key")
        kind, _, text = told[0].partition(" ")
        if len(told) > 1 or kind.casefold() != "bearer":
            raise _unknown("The header must read `Authorization: Bearer tenure_...`.", "no_key")
        return self._known(text.strip())

    def _known(self, text: str) -> Key:
        try:
            key = self.ring.find(text)
        except TenureError:
            raise ApiError(
                503, "keys_unreadable", "The keys cannot be read, so nobody is let in."
            ) from None
        if key is None:
            raise _unknown("The key is unknown or was revoked.", "unknown_key")
        return key

    def _check_rate(self, key: Key) -> None:
        wait = self.limit.wait_s(self.ring.place(key))
        if wait > 0:
            raise ApiError(
                429,
                "too_many_requests",
                f"This key may ask {self.limit.requests_per_minute:,} times a minute; "
                f"try again in {wait:.1f} seconds.",
                headers={"Retry-After": str(int(wait) + 1)},
            )


def scope_of(method: str, path: str) -> Scope:
    """Name the scope that a request needs.

    Examples
    --------
    >>> scope_of("GET", "/v1/accounts"), scope_of("POST", "/v1/score"), scope_of("GET", "/metrics")
    ('read', 'score', 'admin')
    """
    if path == "/metrics":
        return "admin"
    return "read" if method in (*_LOOKING, "OPTIONS") else "score"


def for_people(path: str) -> bool:
    """Tell whether an address is a page, to be answered in words and not in JSON.

    Examples
    --------
    >>> for_people("/accounts/7"), for_people("/v1/accounts/7"), for_people("/metrics")
    (True, False, False)
    """
    return not path.startswith("/v1/") and path not in _PROBES


def check_same_site(headers: Headers) -> None:
    """Refuse a form that was not sent from one of the service's own pages.

    References
    ----------
    OWASP Cross-Site Request Forgery Prevention Cheat Sheet: Fetch Metadata, then Origin.
    """
    site = headers.get("sec-fetch-site")
    origin = headers.get("origin")
    near = (
        site in ("same-origin", "none")
        if site
        else origin is None or urlsplit(origin).netloc == headers.get("host")
    )
    if not near:
        raise ApiError(403, "foreign_form", "This was sent from another site's page.")


def is_loopback(host: str) -> bool:
    """Tell whether an address or name means this machine only.

    Examples
    --------
    >>> is_loopback("127.0.0.1"), is_loopback("::1"), is_loopback("localhost")
    (True, True, True)
    >>> is_loopback("0.0.0.0"), is_loopback("tenure.example.com")
    (False, False)
    """
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _check_scope(key: Key, needed: Scope) -> None:
    if not key.may(needed):
        raise ApiError(
            403,
            "scope_too_small",
            f"This needs a key of scope {needed!r}; yours has {key.scope!r}.",
            {"needed": needed, "scope": key.scope},
        )


def _check_near(scope: Mapping[str, Any], headers: Headers) -> None:
    """Without keys, only this machine is answered, by its own names."""
    server = scope.get("server")
    if server and server[1] is not None and not is_loopback(server[0]):
        raise ApiError(
            403,
            "keys_needed",
            "The service has no keys, so it answers on its own machine only. "
            "Make one with `tenure keys add NAME --scope read`.",
        )
    try:
        named = urlsplit(f"//{headers.get('host', '')}").hostname or ""
    except ValueError:
        named = "?"
    if named and not is_loopback(named):
        raise ApiError(
            403,
            "foreign_host",
            f"The service has no keys, so it answers to this machine's own names only, "
            f"not to {named[:100]!r}. Make a key with `tenure keys add NAME --scope read`.",
        )


def _unknown(message: str, code: str) -> ApiError:
    return ApiError(401, code, message, headers={"WWW-Authenticate": 'Bearer realm="tenure"'})
