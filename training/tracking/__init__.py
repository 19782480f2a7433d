"""The only place that talks to MLflow: runs, the registry of versions, and which of them serves.

runs        a training run is kept, and its model registered      log, earlier
versions    what a version consists of                            load, info, catalog, decide, ...
champion    which version serves                                  promote, rollback
store       where all that lies, and how a version is found       store_uri, searches
"""

from training.tracking.champion import NotPromotedError, promote, rollback
from training.tracking.runs import Earlier, Origin, earlier, log
from training.tracking.store import (
    CHALLENGER,
    CHAMPION,
    FROZEN,
    NoChampionError,
    searches,
    store_uri,
)
from training.tracking.versions import (
    ModelInfo,
    backtest,
    catalog,
    decide,
    decisions,
    freeze,
    info,
    load,
    load_health,
    load_learned_health,
    load_outlook,
    version,
)

__all__ = [
    "CHALLENGER",
    "CHAMPION",
    "FROZEN",
    "Earlier",
    "ModelInfo",
    "NoChampionError",
    "NotPromotedError",
    "Origin",
    "backtest",
    "catalog",
    "decide",
    "decisions",
    "earlier",
    "freeze",
    "info",
    "load",
    "load_health",
    "load_learned_health",
    "load_outlook",
    "log",
    "promote",
    "rollback",
    "searches",
    "store_uri",
    "version",
]
