"""API keys: who may ask for what.

The file holds only hashes: a key is shown once, when it is made. SHA-256 without salt or stretching
is right here, because a key is 256 random bits and no word that anybody could guess (OWASP
Password Storage Cheat Sheet speaks of passwords). The file is read again when it changes, so that
a revoked key ends at once in every worker.
"""

import contextlib
import hashlib
import hmac
import json
import os
import secrets
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal, get_args

from features.errors import TenureError
from serving.files import write_aside

Scope = Literal["read", "score", "admin"]
SCOPES: tuple[Scope, ...] = get_args(Scope)
"""Each includes those before it."""

LONGEST = 200
"""Characters of a key that are looked at; ours have 59."""
LOOK_SECONDS = 1.0
"""Between two looks whether the file has changed."""


@dataclass(frozen=True)
class Key:
    """What the file knows of a key.

    Parameters
    ----------
    name : str
        Whose it is; stands in the audit log.
    id : str
        Its middle part, by which it is found; no secret.
    scope : {"read", "score", "admin"}
    sha256 : str
        Of the whole key, in hexadecimal.
    created_at, revoked_at : str
        ISO, UTC; revoked_at is empty while it is valid.
    """

    name: str
    id: str
    scope: Scope
    sha256: str
    created_at: str
    revoked_at: str = ""

    def may(self, scope: Scope) -> bool:
        """Tell whether the key's scope includes another.

        Examples
        --------
        >>> key = Key("crm", "1f", "score", "", "")
        >>> key.may("read"), key.may("admin")
        (True, False)
        """
        return SCOPES.index(self.scope) >= SCOPES.index(scope)


_NOBODY = Key("", "", "read", hashlib.sha256(secrets.token_bytes()).hexdigest(), "")


def load(path: Path) -> tuple[Key, ...]:
    """Read all keys, revoked ones too, in the order in which they were made.

    Raises
    ------
    TenureError
        Where the file is there but is no file of keys. No file means no keys.
    """
    try:
        told = json.loads(path.read_text(encoding="utf-8"))
        return tuple(Key(**each) for each in told["keys"])
    except FileNotFoundError:
        return ()
    except (OSError, ValueError, TypeError, KeyError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is no list of keys"
        raise TenureError(
            f"The keys in {path} cannot be read: {why}.",
            "Restore the file, or move it away and make new keys with `tenure keys add`.",
        ) from None


def add(path: Path, name: str, scope: Scope) -> str:
    """Make a key and keep its hash; returns the key, which nobody can tell again."""
    known = load(path)
    if not name.strip() or len(name) > 100 or not name.isprintable():
        raise TenureError(
            f"{name!r} names no key.", "Give the name of the tool or person that will use it."
        )
    if any(key.name == name and not key.revoked_at for key in known):
        raise TenureError(
            f"There is a key named {name!r} already.",
            f"Choose another name, or revoke it first: `tenure keys revoke {name}`.",
        )
    number = secrets.token_hex(4)
    text = f"tenure_{number}_{secrets.token_urlsafe(32)}"
    _write(path, (*known, Key(name, number, scope, _digest(text), _now())))
    return text


def revoke(path: Path, name: str) -> None:
    """End a key; it stays in the file, so that the audit log can be read."""
    known = load(path)
    if not any(key.name == name and not key.revoked_at for key in known):
        names = ", ".join(key.name for key in known if not key.revoked_at) or "none"
        raise TenureError(f"No valid key is named {name!r}.", f"Valid keys: {names}.")
    _write(
        path,
        tuple(
            replace(key, revoked_at=_now()) if key.name == name and not key.revoked_at else key
            for key in known
        ),
    )


class KeyRing:
    """The keys of a running service, as current as the file.

    Once there were keys they stay required, even if the file goes away: an accident must not open
    the service.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._looked_at = -LOOK_SECONDS
        self._stamp: tuple[int, ...] | None = None
        self._keys: Mapping[str, Key] = {}
        self._places: Mapping[str, int] = {}
        self._problem: TenureError | None = None
        self._required = False

    @property
    def required(self) -> bool:
        """Whether a request needs a key."""
        self._look()
        return self._required

    def find(self, text: str) -> Key | None:
        """Find the valid key with this text, in a time that tells nothing of how near it was.

        Raises
        ------
        TenureError
            Where the file cannot be read.
        """
        self._look()
        if self._problem:
            raise self._problem
        number = text[:LONGEST].split("_")[1:2]
        key = self._keys.get(number[0] if number else "", _NOBODY)
        same = hmac.compare_digest(_digest(text[:LONGEST]), key.sha256)
        return key if same and not key.revoked_at and len(text) <= LONGEST else None

    def valid(self, number: str) -> Key | None:
        """Find the valid key with this id."""
        self._look()
        key = self._keys.get(number)
        return None if key is None or key.revoked_at or self._problem else key

    def place(self, key: Key) -> int:
        """Number of the key's line in the file, which never changes."""
        return self._places[key.id]

    def _look(self) -> None:
        now = time.monotonic()
        if now - self._looked_at < LOOK_SECONDS:
            return
        self._looked_at = now
        stamp = _stamp(self.path)
        if stamp == self._stamp:
            return
        self._stamp = stamp
        try:
            keys = load(self.path)
        except TenureError as error:
            self._problem, self._required = error, True
            return
        self._problem = None
        self._keys = {key.id: key for key in keys}
        self._places = {key.id: place for place, key in enumerate(keys)}
        self._required = self._required or bool(keys)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def _stamp(path: Path) -> tuple[int, ...]:
    try:
        found = path.stat()
    except OSError as error:
        return (error.errno or 0,)
    return found.st_ino, found.st_mtime_ns, found.st_size


def _write(path: Path, keys: tuple[Key, ...]) -> None:
    text = json.dumps({"keys": [asdict(key) for key in keys]}, indent=1) + "\n"

    def write(aside: Path) -> None:
        # nobody else may read it, not even for a moment
        with os.fdopen(os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(text)

    with contextlib.suppress(OSError):  # writing tells why
        path.parent.mkdir(parents=True, exist_ok=True)
    write_aside(path, write)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
