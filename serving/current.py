"""What should be served now: which model, and the scores by it."""

import os
import time
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from features import catalog
from features.check.report import counted
from features.errors import TenureError
from serving.live import REFRESH_SECONDS, Snapshot, edition
from serving.predict import Predictor, mean_points

if TYPE_CHECKING:
    from serving.workflow import Workplace


def champion() -> str:
    """Edition that should serve now: the champion, and people's decisions on its health score."""
    from training import tracking

    version = tracking.version()
    return edition(version, len(tracking.decisions(version)))


class Scoring:
    """Scores the accounts of the source that the environment names, by the champion.

    Reading a source takes by far the longest. So another champion scores the features that are
    there; only the same one, asked again, or features of an hour ago make the source be read again.
    """

    def __init__(self) -> None:
        self._place: Workplace | None = None
        self._opened_at = 0.0
        self._version = 0

    def __call__(self) -> Snapshot:
        """Compute the scores."""
        from serving import score, weights
        from serving.workflow import model_facts
        from training import tracking

        model, info = tracking.load()
        place = self._open(info.version)
        day = os.environ.get("TENURE_AS_OF")
        table, info = place.score(date.fromisoformat(day) if day else None, str(info.version))
        self._version = info.version
        rows = tuple(score.records(table))
        metrics, health = catalog.metrics(place.settings), tracking.load_health(info.version)
        weight = mean_points(rows)
        outlook = tracking.load_outlook(info.version)
        predictor = Predictor(model, metrics, weight, health, place.settings.metrics, outlook)
        facts = {**model_facts(info, table), "inputs": predictor.inputs}
        return Snapshot(facts, rows, predictor, weights.told(info.version))

    def _open(self, version: int) -> "Workplace":
        old = time.monotonic() - self._opened_at > REFRESH_SECONDS
        if self._place is None or old or version == self._version:
            self._place, self._opened_at = _read(), time.monotonic()
        return self._place


def _read() -> "Workplace":
    """Open the source, and check it."""
    from serving.workflow import Workplace

    config = os.environ.get("TENURE_CONFIG")
    place = Workplace.open(os.environ.get("TENURE_SOURCE"), Path(config) if config else None)
    if errors := place.check().errors:
        # the report quotes rows; a log and an answer to anybody must not
        tables = ", ".join(sorted({fault.table for fault in errors}))
        raise TenureError(
            f"The source has {counted(len(errors), 'error')} in {tables}, so no scores were made.",
            "`tenure check` tells them.",
        )
    return replace(place, source=replace(place.source, kept={}))
