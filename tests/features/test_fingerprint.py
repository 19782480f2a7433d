import pandas as pd
import pytest

from features import fingerprint, settings, source

CONTRACTS = pd.DataFrame(
    {
        "contract_id": ["c1", "c2", "c3"],
        "account_id": ["a", "b", "c"],
        "start_date": pd.to_datetime(["2024-01-01", "2024-02-01", "2024-03-01"]),
        "end_date": pd.to_datetime(["2025-01-01", "2025-02-01", "2025-03-01"]),
        "arr": [100.0, 200.0, None],
    }
)


@pytest.fixture
def extent(tmp_path):
    """Write contracts to a folder and read their extent."""

    def of(contracts):
        folder = tmp_path / str(len(list(tmp_path.iterdir())))
        folder.mkdir()
        contracts.to_parquet(folder / "contracts.parquet", index=False)
        return fingerprint.of(source.connect(folder, settings.Settings()))["contracts"]

    return of


def test_rows_and_span_are_those_of_the_table(extent):
    told = extent(CONTRACTS)
    assert (told.rows, told.first, told.last) == (3, "2024-01-01", "2025-03-01")


def test_the_order_of_rows_does_not_matter(extent):
    assert extent(CONTRACTS) == extent(CONTRACTS.iloc[[2, 0, 1]])


@pytest.mark.parametrize(
    "changed",
    [
        CONTRACTS.assign(arr=[100.0, 200.01, None]),
        CONTRACTS.assign(arr=[200.0, 100.0, None]),
        CONTRACTS.assign(arr=[100.0, 200.0, 0.0]),
        CONTRACTS.assign(account_id=["a", "c", "b"]),
        CONTRACTS.assign(contract_id=CONTRACTS["account_id"], account_id=CONTRACTS["contract_id"]),
        CONTRACTS.drop(columns="arr"),
        CONTRACTS.head(2),
        pd.concat([CONTRACTS, CONTRACTS.tail(1)]),
    ],
    ids=["value", "swap", "missing", "accounts", "columns", "column", "row", "twice"],
)
def test_any_change_shows(extent, changed):
    assert extent(changed).digest != extent(CONTRACTS).digest


def test_a_table_without_rows_has_an_extent(extent):
    told = extent(CONTRACTS.head(0))
    assert (told.rows, told.first, told.last) == (0, None, None)


def test_settings_enter_the_digest(extent):
    tables = {"contracts": extent(CONTRACTS)}
    assert fingerprint.digest(tables, seed=0) == fingerprint.digest(dict(tables), seed=0)
    assert fingerprint.digest(tables, seed=0) != fingerprint.digest(tables, seed=1)
