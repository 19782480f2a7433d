"""The audit log: who asked for which accounts, answered by which model version. JSON lines.

A line is written before the answer leaves. Where it cannot be written, nothing is answered: an
answer that nobody can account for would defeat the log.
"""

import errno
import json
import os
import threading
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path

from starlette.requests import Request

from serving import logs
from serving.access import Caller
from serving.api import ApiError


class Audit:
    """Appends to one file from several processes; a file moved away by rotation is begun anew."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file = -1
        self._torn = b""
        self._lock = threading.Lock()

    def note(self, request: Request, accounts: Iterable[str], model_version: str) -> None:
        """Write one line.

        Parameters
        ----------
        request : Request
        accounts : iterable of str
            Ids of the accounts in the answer.
        model_version : str

        Raises
        ------
        ApiError
            503 where the line cannot be written.
        """
        line = {
            "at": datetime.now(UTC).isoformat(timespec="milliseconds"),
            "request_id": logs.request_id.get(),
            "key": Caller.of(request.scope).name,
            "asked": f"{request.method} {request.scope['route'].path}",
            "model_version": model_version,
            "accounts": list(accounts),
        }
        try:
            with self._lock:
                self._append(json.dumps(line, ensure_ascii=False).encode() + b"\n")
        except OSError as error:
            raise ApiError(
                503,
                "audit_unavailable",
                f"The audit log cannot be written ({error.strerror}), so nothing is answered. "
                "Make room for it, or correct its rights.",
            ) from None

    def _append(self, line: bytes) -> None:
        # one write to a file opened for appending keeps lines of several processes whole
        written = os.write(self._open(), self._torn + line)
        if written < len(self._torn) + len(line):
            self._torn = b"\n"  # the disk is full; what comes next begins on a line of its own
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        self._torn = b""

    def _open(self) -> int:
        """Open the file, or keep it open while it is still the one at the path."""
        if self._file >= 0:
            try:
                there, held = self.path.stat(), os.fstat(self._file)
                if (there.st_ino, there.st_dev) == (held.st_ino, held.st_dev):
                    return self._file
            except FileNotFoundError:
                pass
            os.close(self._file)
            self._file = -1
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self._file = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        return self._file
