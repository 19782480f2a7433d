"""What the workers of one service share: a folder of its own, gone when the service ends."""

import atexit
import os
import secrets
import shutil
import tempfile
from pathlib import Path

_NAMED = "TENURE_RUN"


def folder() -> Path:
    """Give the folder. The first process to ask makes it; those that it starts are told of it.

    It holds what only this user may read: the secret that signs sessions, the counts of each key's
    requests, and, under `tenure serve`, BentoML's files with the workers' metrics.
    """
    named = os.environ.get(_NAMED)
    if named is None:
        made = Path(tempfile.mkdtemp(prefix="tenure-"))
        (made / "secret").write_bytes(secrets.token_bytes(32))
        os.environ[_NAMED] = str(made)
        atexit.register(shutil.rmtree, made, ignore_errors=True)
        return made
    return Path(named)
