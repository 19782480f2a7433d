"""The current scores of a running service: computed in a thread, replaced whole, never half."""

import logging
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from features.errors import TenureError
from serving import explain
from serving.explain import Record

POLL_SECONDS = 3.0
"""Between two looks at who is champion."""
RETRY_SECONDS = 30.0
"""After scores could not be computed: trying costs time, and the log would fill."""
REFRESH_SECONDS = 3600.0
"""After so long the source is read again: its tables grow under a service that runs for weeks."""

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
    """

    model: Mapping[str, Any]
    rows: tuple[Record, ...]

    @cached_property
    def by_id(self) -> Mapping[str, Record]:
        """The rows by account_id."""
        return {row["account_id"]: row for row in self.rows}

    @property
    def window(self) -> str:
        """Which days the risk is about, in words."""
        return explain.window(self.model["lead_days"], self.model["horizon_days"])

    @property
    def version(self) -> str:
        """Of the model that made these scores."""
        return str(self.model["version"])


class NotReadyError(Exception):
    """There are no scores yet; the message says why and what to do."""


class Live:
    """Keeps one `Snapshot` current.

    A model or source that cannot be read leaves the last scores in place, with `problem` beside
    them. Requests only read `snapshot`: they wait for nothing and load nothing.

    Parameters
    ----------
    champion : callable
        Version that should serve now; raises TenureError where there is none.
    compute : callable
        Makes the scores, by the champion.
    """

    def __init__(self, champion: Callable[[], str], compute: Callable[[], Snapshot]) -> None:
        self.problem: str | None = "The scores are being computed; try again in some seconds."
        self._champion = champion
        self._compute = compute
        self._snapshot: Snapshot | None = None
        self._computed_at = 0.0
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

    def start(self) -> None:
        """Begin to keep the scores current, in the background."""
        threading.Thread(target=self._run, name="tenure-scores", daemon=True).start()

    def stop(self) -> None:
        """End after the present look."""
        self._stopped.set()

    def refresh(self) -> float:
        """Look once, and compute the scores anew where they are of another model or too old.

        Returns
        -------
        float
            Seconds after which to look again.
        """
        try:
            version = self._champion()
        except TenureError as error:
            return self._tell(str(error), POLL_SECONDS)
        except Exception:
            log.exception("The registry of models could not be asked.")
            return self._tell(_DEFECT, RETRY_SECONDS)
        try:
            if self._outdated(version):
                self._snapshot = self._compute()
                self._computed_at = time.monotonic()
                log.info("Scores of model version %s are served.", self._snapshot.version)
        except TenureError as error:
            return self._tell(str(error), RETRY_SECONDS)
        except Exception:
            log.exception("The scores could not be computed.")
            return self._tell(_DEFECT, RETRY_SECONDS)
        return self._tell(None, POLL_SECONDS)

    def _outdated(self, version: str) -> bool:
        if self._snapshot is None or self._snapshot.version != version:
            return True
        return time.monotonic() - self._computed_at > REFRESH_SECONDS

    def _tell(self, problem: str | None, again_after: float) -> float:
        if problem and problem != self.problem:
            log.warning(problem)
        self.problem = problem
        return again_after

    def _run(self) -> None:
        while not self._stopped.wait(self.refresh()):
            pass
