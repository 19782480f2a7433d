"""The current scores of a running service: computed in a thread, replaced whole, never half."""

import gc
import hashlib
import json
import logging
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from typing import Any

from features.errors import TenureError
from features.metric import Language
from serving import explain, language
from serving.explain import Record
from serving.predict import Predictor

POLL_SECONDS = 3.0
"""Between two looks at who is champion."""
RETRY_SECONDS = 15.0
"""After scores could not be computed: trying costs time, and the log would fill."""
REFRESH_SECONDS = 3600.0
"""After so long the source is read again: its tables grow under a service that runs for weeks."""

RARELY = 1000
"""Collections of young objects before one of all: BentoML keeps a timer for every request of the
last 45 seconds, and under load a walk over them holds all requests up for 50 ms."""

log = logging.getLogger("tenure.serving")

_DEFECT = "The scores could not be computed; the service's log says why."


@dataclass(frozen=True)
class Snapshot:
    """Everything one answer may consist of; nothing in it ever changes.

    Parameters
    ----------
    model : mapping
        The form `serving.api.Model` as plain values.
    rows : tuple of mapping
        Rows of the score table, the riskiest first.
    predictor : Predictor, optional
        The model itself, for observations that are no rows.
    health_score : mapping, optional
        Weights and goals with their evidence (see `serving.weights.told`).
    computed_at : float
        Seconds since 1970.
    """

    model: Mapping[str, Any]
    rows: tuple[Record, ...]
    predictor: Predictor | None = None
    health_score: Mapping[str, Any] | None = None
    computed_at: float = field(default_factory=time.time)

    @cached_property
    def by_id(self) -> Mapping[str, Record]:
        """The rows by account_id."""
        return {row["account_id"]: row for row in self.rows}

    @cached_property
    def encoded(self) -> Mapping[str, bytes]:
        """The rows as JSON by account_id: looked up, not written again for each request."""
        return {row["account_id"]: _json(row) for row in self.rows}

    def told(self, account_id: str, wanted: Language) -> bytes:
        """A row as JSON, in a language."""
        if wanted == "en":
            return self.encoded[account_id]
        known = self._retold.get((account_id, wanted))
        if known is None:
            known = _json(language.retell(self.by_id[account_id], wanted))
            self._retold[account_id, wanted] = known
        return known

    @cached_property
    def _retold(self) -> dict[tuple[str, Language], bytes]:
        return {}

    @cached_property
    def tag(self) -> str:
        """Names what the scores say; the same in every worker, and after a look that saw no news.

        The moment of scoring is left out.
        """
        said = hashlib.sha256(self.edition.encode())
        for row in self.rows:
            said.update(_json({**row, "scored_at": None}))
        return said.hexdigest()[:20]

    @property
    def window(self) -> str:
        """Which days the risk is about, in words."""
        return explain.window(self.model["lead_days"], self.model["horizon_days"])

    @property
    def version(self) -> str:
        """Of the model that made these scores."""
        return str(self.model["version"])

    @property
    def edition(self) -> str:
        """Version of the model, and of its settings where people changed some."""
        told = self.health_score or {"settings_version": 0}
        return edition(self.version, told["settings_version"])

    @property
    def health_document(self) -> Mapping[str, Any]:
        """Weights and goals with their evidence; raises NotReadyError where none are loaded."""
        if self.health_score is None:
            raise NotReadyError("No health score is loaded.")
        return self.health_score

    @property
    def scored_at(self) -> str:
        """When the scores were computed; ISO, UTC."""
        return datetime.fromtimestamp(self.computed_at, UTC).isoformat(timespec="seconds")

    def warm(self) -> None:
        """Make everything that requests would otherwise wait for."""
        _ = self.by_id, self.encoded, self.tag
        if self.predictor:
            self.predictor.predict([{}])


def edition(version: object, settings_version: int) -> str:
    """Name what scores.

    Examples
    --------
    >>> edition(3, 0), edition(3, 2)
    ('3', '3+2')
    """
    return f"{version}+{settings_version}" if settings_version else str(version)


class NotReadyError(Exception):
    """There are no scores yet; the message says why and what to do."""


class Live:
    """Keeps one `Snapshot` current.

    A model or source that cannot be read leaves the last scores in place, with `problem` beside
    them. Requests only read `snapshot`: they wait for nothing and load nothing.

    Parameters
    ----------
    champion : callable
        Edition that should serve now (see `edition`); raises TenureError where there is none.
    compute : callable
        Makes the scores, by the champion.
    changed : callable, optional
        Told of new scores, and of a problem (None when it is over).
    """

    def __init__(
        self,
        champion: Callable[[], str],
        compute: Callable[[], Snapshot],
        changed: Callable[[Snapshot | None, str | None], None] = lambda *_: None,
    ) -> None:
        self.problem: str | None = "The scores are being computed; try again in some seconds."
        self._champion = champion
        self._compute = compute
        self._changed = changed
        self._snapshot: Snapshot | None = None
        self._computed_at = 0.0
        self._failed: tuple[str, float] | None = None
        self._stopped = threading.Event()

    @property
    def snapshot(self) -> Snapshot:
        """The current scores.

        Raises
        ------
        NotReadyError
            While there are none.
        """
        if self._snapshot is None:
            raise NotReadyError(self.problem)
        return self._snapshot

    @property
    def current(self) -> Snapshot | None:
        """The current scores; None while there are none."""
        return self._snapshot

    def start(self) -> None:
        """Begin to keep the scores current, in the background."""
        threading.Thread(target=self._run, name="tenure-scores", daemon=True).start()

    def stop(self) -> None:
        """End after the present look."""
        self._stopped.set()

    def refresh(self) -> None:
        """Look once, and compute the scores anew where they are of another model or too old."""
        try:
            version = self._champion()
        except TenureError as error:
            self._tell(str(error))
            return
        except Exception:
            log.exception("The registry of models could not be asked.")
            self._tell(_DEFECT)
            return
        if self._failed and self._failed[0] == version and time.monotonic() < self._failed[1]:
            return
        if self._outdated(version):
            failed = self._renew()
            self._failed = (version, time.monotonic() + RETRY_SECONDS) if failed else None
        else:
            self._tell(None)

    def _renew(self) -> str | None:
        """Compute the scores; returns why they could not be."""
        try:
            snapshot = self._compute()
            snapshot.warm()
        except TenureError as error:
            return self._tell(str(error))
        except Exception:
            log.exception("The scores could not be computed.")
            return self._tell(_DEFECT)
        self.problem = None
        self._snapshot, self._computed_at = snapshot, time.monotonic()
        # what was just loaded lives long: no collection needs to walk it
        gc.collect()
        gc.freeze()
        gc.set_threshold(*gc.get_threshold()[:2], RARELY)
        log.info(
            "Scores are served.",
            extra={"model_version": snapshot.version, "accounts": len(snapshot.rows)},
        )
        return self._tell(None)

    def _outdated(self, version: str) -> bool:
        if self._snapshot is None or self._snapshot.edition != version:
            return True
        return time.monotonic() - self._computed_at > REFRESH_SECONDS

    def _tell(self, problem: str | None) -> str | None:
        if problem and problem != self.problem:
            log.warning(problem)
        self.problem = problem
        self._changed(self._snapshot, problem)
        return problem

    def _run(self) -> None:
        while not self._stopped.is_set():
            self.refresh()
            self._stopped.wait(POLL_SECONDS)


def _json(row: Mapping[str, Any]) -> bytes:
    return json.dumps(row, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()
