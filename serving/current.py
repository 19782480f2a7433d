"""What should be served now: which model, and the scores by it."""

import os
from datetime import date
from pathlib import Path

from features import catalog
from features.check.report import counted
from features.errors import TenureError
from serving.live import Snapshot
from serving.predict import Predictor


def champion() -> str:
    """Version of the model that should serve now."""
    from training import tracking

    return str(tracking.version())


def compute() -> Snapshot:
    """Score the source's accounts by the champion."""
    from serving import score
    from serving.workflow import Workplace, model_facts
    from training import tracking

    config, day = os.environ.get("TENURE_CONFIG"), os.environ.get("TENURE_AS_OF")
    place = Workplace.open(os.environ.get("TENURE_SOURCE"), Path(config) if config else None)
    if errors := place.check().errors:
        # the report quotes rows; a log and an answer to anybody must not
        tables = ", ".join(sorted({fault.table for fault in errors}))
        raise TenureError(
            f"The source has {counted(len(errors), 'error')} in {tables}, so no scores were made.",
            "`tenure check` tells them.",
        )
    table, info = place.score(date.fromisoformat(day) if day else None)
    model, _ = tracking.load(info.version)
    predictor = Predictor(model, catalog.metrics(place.settings), str(info.version))
    facts = {**model_facts(info, table), "inputs": predictor.inputs}
    return Snapshot(facts, tuple(score.records(table)), predictor)
