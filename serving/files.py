"""Files that are whole or not there: written aside, then renamed."""

import glob
import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from features.errors import TenureError


def write_aside(path: Path, write: Callable[[Path], None]) -> None:
    """Let `write` fill a file beside `path`, and put it in place when it is whole.

    A reader sees the old file or the new one, whatever happens in between. What a process left
    aside that was killed over it is taken away.

    Raises
    ------
    TenureError
        Where the file cannot be written; what stood there before is untouched.
    """
    aside = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        _clear(path)
        write(aside)
        aside.replace(path)
    except OSError as error:
        raise TenureError(
            f"{path} could not be written: {error.strerror or error}.",
            "See that its folder exists, may be written to and has room. "
            "What stood there before is untouched.",
        ) from error
    finally:
        with suppress(NotADirectoryError):  # a file stands where its folder should be
            aside.unlink(missing_ok=True)


def _clear(path: Path) -> None:
    """Take away what processes left that are no more."""
    for left in path.parent.glob(f".{glob.escape(path.name)}.*.partial"):
        process = left.suffixes[-2][1:]
        if process.isdecimal() and not _lives(int(process)):
            left.unlink(missing_ok=True)


def _lives(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass  # somebody else's
    return True
