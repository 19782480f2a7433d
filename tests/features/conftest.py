"""Every engine before the same tables."""

from collections.abc import Callable, Mapping

import engines
import pandas as pd
import pytest

Put = Callable[[Mapping[str, pd.DataFrame]], str]
"""Contract tables -> the address of a source that holds them."""


@pytest.fixture(scope="session")
def postgres():
    """PostgreSQL's server, once for all tests."""
    yield from engines.start_postgres()


@pytest.fixture(scope="session")
def spark(tmp_path_factory):
    """A Spark session, once for all tests."""
    yield from engines.start_spark(tmp_path_factory.mktemp("spark"))


ON_SPARK = (
    pytest.mark.slow,
    # pyspark 4.0 leaves the sockets by which it fetches results to the garbage collector
    pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning"),
)
ENGINES = ("duckdb", "postgresql", pytest.param("spark", marks=ON_SPARK))


@pytest.fixture(params=ENGINES)
def put(request: pytest.FixtureRequest, tmp_path) -> Put:
    """Runs the test once on every engine: puts contract tables there, and gives the address."""
    if request.param == "postgresql":
        server = request.getfixturevalue("postgres")
        return lambda tables: server.url(server.put(tables))
    if request.param == "spark":
        request.getfixturevalue("spark")
        return lambda tables: f"spark://{engines.write(tmp_path / 'spark', tables)}"
    return lambda tables: str(engines.write(tmp_path / "duckdb", tables))
