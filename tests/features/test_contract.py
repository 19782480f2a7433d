"""The contract's declarations agree with themselves, the design and the documentation."""

from pathlib import Path

import pytest

from features.contract import (
    DIMENSION_TABLES,
    ENGINE_TYPES,
    SIGNALS,
    TABLES,
    Table,
    document,
)
from features.metric import DIMENSIONS

ROOT = Path(__file__).parents[2]


def test_the_documentation_is_what_the_declarations_say() -> None:
    written = (ROOT / "docs" / "data-contract.md").read_text(encoding="utf-8")
    assert written == document(), "run: python -m features.contract > docs/data-contract.md"


@pytest.mark.parametrize("table", TABLES.values(), ids=lambda table: table.name)
def test_a_declaration_holds_together(table: Table) -> None:
    names = table.column_names
    assert len(set(names)) == len(names)
    assert names[-1] == "known_at"
    assert set(table.key) <= set(names)
    assert set(table.times) <= set(names)
    assert {table.column(name).type for name in table.times} <= {"date", "time"}
    assert {column.type for column in table.columns} <= ENGINE_TYPES.keys()
    for column in table.columns:
        assert column.low is None or column.type in ("number", "integer")
        assert not column.values or column.type == "text"
        assert not column.planned or column.type in ("date", "time")


def test_every_dimension_says_which_tables_it_needs() -> None:
    assert set(DIMENSION_TABLES) == set(DIMENSIONS)
    assert {name for names in DIMENSION_TABLES.values() for name in names} <= TABLES.keys()


def test_accounts_contracts_and_one_table_of_signals_are_all_that_is_needed() -> None:
    assert [name for name, table in TABLES.items() if table.required] == ["accounts", "contracts"]
    assert "usage" in SIGNALS
    assert not {"accounts", "contracts", "users"} & set(SIGNALS)
