"""A store that was moved: MLflow notes absolute paths, so they are put right when it is opened.

The store is one folder: `mlflow.db`, and `artifacts` beside it. Where the noted paths say another
folder, it was moved or copied, and every path in it is rewritten in one transaction, so that
`models/` can be carried to another machine as it is.
"""

import sqlite3
from contextlib import closing
from pathlib import Path

PATHS = {
    "experiments": ("artifact_location",),
    "runs": ("artifact_uri",),
    "logged_models": ("artifact_location",),
    "model_versions": ("source", "storage_location"),
}
"""Where MLflow 3 notes paths: columns of its tables."""


def settle(file: Path, experiment: str) -> bool:
    """Make a store of this folder again out of one that was moved here.

    Parameters
    ----------
    file : Path
        The SQLite file of the store.
    experiment : str
        Whose artifacts lie beside it.

    Returns
    -------
    bool
        Whether it had been moved.
    """
    here = (file.parent / "artifacts").resolve()
    if not file.exists() or not here.is_dir():
        return False
    with closing(sqlite3.connect(file, timeout=30)) as store, store:
        found = store.execute(
            "SELECT artifact_location FROM experiments WHERE name = ?", (experiment,)
        ).fetchone()
        noted = found[0] if found else None
        if noted is None or noted == here.as_uri() or not noted.endswith("/artifacts"):
            return False
        for table, columns in PATHS.items():
            for column in columns:
                store.execute(
                    f"UPDATE {table} SET {column} = ? || substr({column}, ?) "  # noqa: S608
                    f"WHERE {column} = ? OR substr({column}, 1, ?) = ?",
                    (here.as_uri(), len(noted) + 1, noted, len(noted) + 1, f"{noted}/"),
                )
    return True
