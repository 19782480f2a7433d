"""Files that are whole or not there: written aside, then renamed."""

import os
from collections.abc import Callable
from pathlib import Path

from features.errors import TenureError


def write_aside(path: Path, write: Callable[[Path], None]) -> None:
    """Let `write` fill a file beside `path`, and put it in place when it is whole.

    A reader sees the old file or the new one, whatever happens in between.

    Raises
    ------
    TenureError
        Where the file cannot be written; what stood there before is untouched.
    """
    aside = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        write(aside)
        aside.replace(path)
    except OSError as error:
        raise TenureError(
            f"{path} could not be written: {error.strerror or error}.",
            "See that its folder exists, may be written to and has room. "
            "What stood there before is untouched.",
        ) from error
    finally:
        aside.unlink(missing_ok=True)
