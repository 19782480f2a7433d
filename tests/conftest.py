"""What several test folders share: one small company with a model that serves."""

import fcntl
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import pytest


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files with slow tests first: else one process ends with them, and the other has nothing."""
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: item.path not in slow)


@dataclass(frozen=True)
class Champion:
    """A simulated company, its settings, and an MLflow store with a champion."""

    company: Path
    config: Path
    store: str
    version: int


def use_store(patch: pytest.MonkeyPatch, uri: str) -> None:
    """Point MLflow at a store, for as long as the patch lasts."""
    patch.setenv("MLFLOW_TRACKING_URI", uri)
    # MLflow writes this one itself, and would stay with the store of an earlier test
    patch.setenv("MLFLOW_REGISTRY_URI", uri)


@pytest.fixture(name="use_store", scope="session")
def _use_store() -> Callable[[pytest.MonkeyPatch, str], None]:
    """The function `use_store`, for tests."""
    return use_store


@pytest.fixture(scope="session")
def champion(tmp_path_factory: pytest.TempPathFactory) -> Champion:
    """400 accounts, quickly learned; made once, so read it only.

    Once for all processes of `./run test`, which names a folder in TENURE_TESTS_SHARE.
    """
    share = os.environ.get("TENURE_TESTS_SHARE")
    folder = Path(share) if share else tmp_path_factory.mktemp("champion")
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        made = folder / "version"
        if not made.exists():
            made.write_text(str(_champion_in(folder)))
        return Champion(*_places(folder), int(made.read_text()))


def _places(folder: Path) -> tuple[Path, Path, str]:
    """Where the champion's company, settings and store lie."""
    return folder / "company", folder / "tenure.toml", f"sqlite:///{folder}/models/mlflow.db"


def _champion_in(folder: Path) -> int:
    """Simulate, train and promote; gives the version."""
    from features import simulate
    from serving.workflow import Workplace
    from training import tracking

    company, config, store = _places(folder)
    simulate.write(simulate.simulate(accounts=400, months=24, seed=1), company)
    config.write_text("[training]\nfolds = 3\nbags = 3\ntrees = 80\ntrials = 2\n")
    with pytest.MonkeyPatch.context() as patch:
        use_store(patch, store)
        _, version = Workplace.open(str(company), config).train(_quietly)
        assert version is not None
        tracking.promote(version)
    return version


@pytest.fixture(scope="session")
def scored(champion: Champion) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Its score table, and what people are told of the model."""
    from serving.workflow import Workplace, model_facts

    with pytest.MonkeyPatch.context() as patch:
        use_store(patch, champion.store)
        table, info = Workplace.open(str(champion.company), champion.config).score()
    return table, dict(model_facts(info, table))


def _quietly(steps: Sequence[Any], _description: str) -> Sequence[Any]:
    return steps
