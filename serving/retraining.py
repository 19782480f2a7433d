"""Retraining in service: where something is new, learn anew and let the better version serve.

Safe to be started by a scheduler again and again: nothing new changes nothing, two at once cannot
happen, and a run that dies half-way is taken up by the next one.
"""

import fcntl
import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from features.errors import TenureError
from serving.workflow import Workplace, no_skill

if TYPE_CHECKING:
    from training.progress import Track


@dataclass(frozen=True)
class Outcome:
    """What a retraining came to.

    Parameters
    ----------
    status : {"promoted", "kept", "nothing new"}
        The new version serves; the champion was better and stays; data and settings are those of
        an earlier run.
    reason : str
        A sentence, with the figures where two versions were compared.
    version, champion : int, optional
        The version that was learned from these data, and the one that serves now.
    data : str
        Digest of data and settings.
    """

    status: Literal["promoted", "kept", "nothing new"]
    reason: str
    version: int | None
    champion: int | None
    data: str


def retrain(source: str | None, config: Path | None, track: "Track") -> Outcome:
    """Check, train, compare, and promote unless worse.

    Raises
    ------
    TenureError
        If another one runs, the source has errors, or the model has no skill, be it that of an
        earlier run on the same data.
    """
    from training import tracking

    with alone(tracking.store_uri()):
        place = Workplace.open_sound(source, config)
        origin = place.origin()
        found = tracking.earlier(origin.digest)
        if found and found.decided:
            reason = "Data and settings are those of an earlier run: nothing was done."
            return Outcome("nothing new", reason, found.version, _champion(), origin.digest)
        if found and found.version:
            return _compared(found.version, origin.digest)
        if found:  # a second start must not turn a failure green that nobody has looked at
            raise no_skill(place, f"Nothing is new since an earlier run. {found.verdict}")
        trained, version = place.train(track)
        if version is None:
            raise no_skill(place, trained.summary["verdict"])
        return _compared(version, origin.digest)


@contextmanager
def alone(store: str) -> Iterator[None]:
    """Hold the lock of a store; the kernel lets go of it when the process ends, however it ends.

    Raises
    ------
    TenureError
        If another process holds it.
    """
    file = _lock_file(store)
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("a+", encoding="utf-8") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            lock.seek(0)
            raise TenureError(
                f"Another retraining runs already (process {lock.read().strip() or 'unknown'}).",
                "Wait until it has ended; this one did nothing.",
            ) from None
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        yield


def _lock_file(store: str) -> Path:
    """Beside a store that is a file; for a server, in the home of whoever runs it."""
    if store.startswith("sqlite:///"):
        return Path(store.removeprefix("sqlite:///")).parent / "retrain.lock"
    name = hashlib.sha256(store.encode()).hexdigest()[:16]
    return Path.home() / ".cache" / "tenure" / f"{name}.lock"


def _compared(version: int, data: str) -> Outcome:
    from training import tracking

    try:
        decision = tracking.promote(version)
    except tracking.NotPromotedError as refused:
        return Outcome("kept", refused.message, version, _champion(), data)
    return Outcome("promoted", decision.reason, version, version, data)


def _champion() -> int | None:
    from training import tracking

    try:
        return tracking.version()
    except tracking.NoChampionError:
        return None
