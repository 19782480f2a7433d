"""What several test folders share: one small company with a model that serves."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import pytest


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
    """400 accounts, quickly learned; made once, so read it only."""
    from features import simulate
    from serving.workflow import Workplace
    from training import tracking

    folder = tmp_path_factory.mktemp("champion")
    company, config = folder / "company", folder / "tenure.toml"
    simulate.write(simulate.simulate(accounts=400, months=24, seed=1), company)
    config.write_text("[training]\nfolds = 3\nbags = 3\ntrees = 80\ntrials = 2\n")
    store = f"sqlite:///{folder}/models/mlflow.db"
    with pytest.MonkeyPatch.context() as patch:
        use_store(patch, store)
        _, version = Workplace.open(str(company), config).train(_quietly)
        assert version is not None
        tracking.promote(version)
    return Champion(company, config, store, version)


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
