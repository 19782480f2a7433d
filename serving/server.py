"""Starts the service as a process of its own, waits until it answers, and ends with it."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from urllib.error import HTTPError, URLError
from urllib.request import urlopen

from features import settings
from features.errors import TenureError
from serving import shared
from serving.access import is_loopback
from serving.keys import load
from serving.terminal import say

PATIENCE_SECONDS = 120.0
"""After so long without scores the service is left to itself; its log goes on telling."""

FINISH_SECONDS = 30
"""Running requests may take so long when the service is told to end."""


@dataclass(frozen=True)
class Server:
    """A service to run.

    Parameters
    ----------
    source : str, optional
        URL of the source; by default the one that the settings name.
    host, port : str, int
        Where to listen.
    config : Path, optional
        tenure.toml.
    as_of : date, optional
        A fixed day to score on; by default the day after the source's last, as it grows.
    workers : int, optional
        Processes that answer; by default as the settings say.
    """

    source: str | None
    host: str
    port: int
    config: Path | None = None
    as_of: date | None = None
    workers: int | None = None

    @property
    def address(self) -> str:
        """Where a browser on this machine finds the page."""
        host = "127.0.0.1" if self.host in ("0.0.0.0", "::") else self.host  # noqa: S104
        return f"http://{f'[{host}]' if ':' in host else host}:{self.port}/"

    def run(self) -> int:
        """Serve until told to stop; returns the exit code."""
        self._check_who_may()
        self._check_port()
        say("Starting the service ...")
        process = subprocess.Popen(self.command, env=self.environment)  # noqa: S603
        for ending in (signal.SIGTERM, signal.SIGHUP):
            signal.signal(ending, lambda *_: process.terminate())
        try:
            self._announce(process)
            code = process.wait()
        except KeyboardInterrupt:
            # the terminal has sent the same signal to the service
            code = process.wait()
        if code in (0, -signal.SIGTERM, -signal.SIGINT):
            return 0
        raise TenureError(f"The service ended with exit code {code}.", "The lines above say why.")

    @property
    def command(self) -> list[str]:
        """The BentoML server on this interpreter."""
        serve = ["serve", "serving.service:Tenure", "--host", self.host, "--port", str(self.port)]
        serve += ["--timeout-graceful-shutdown", str(FINISH_SECONDS)]
        return [sys.executable, "-m", "bentoml", *serve]

    @property
    def environment(self) -> dict[str, str]:
        """What the service reads, on top of the present environment."""
        told = {
            "TENURE_SOURCE": self.source,
            "TENURE_CONFIG": self.config and str(self.config),
            "TENURE_AS_OF": self.as_of and self.as_of.isoformat(),
            "TENURE_WORKERS": self.workers and str(self.workers),
            # another service of this user must not wipe our workers' files
            "BENTOML_HOME": str(shared.folder()),
        }
        quiet = {"BENTOML_DO_NOT_TRACK": "True", "MLFLOW_DISABLE_TELEMETRY": "true"}
        return {**os.environ, **quiet, **{name: value for name, value in told.items() if value}}

    def _check_who_may(self) -> None:
        """Without keys, nobody but this machine may ask."""
        keys = Path(settings.load(self.config).serving.keys)
        known = [key for key in load(keys) if not key.revoked_at]
        if not known and not is_loopback(self.host):
            raise TenureError(
                f"{self.host} can be reached from other machines, and there are no keys in {keys}.",
                "Make one with `tenure keys add NAME --scope read`, or leave --host out.",
            )

    def _check_port(self) -> None:
        family = socket.AF_INET6 if ":" in self.host else socket.AF_INET
        with socket.socket(family) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((self.host, self.port))
            except OSError as error:
                raise TenureError(
                    f"{self.host}:{self.port} cannot be listened on: {error.strerror}.",
                    "Choose another with --port.",
                ) from None

    def _announce(self, process: subprocess.Popen[bytes]) -> None:
        """Wait for the scores and name the page; where there are none, say why and serve on."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        said = ""
        while process.poll() is None and time.monotonic() < deadline:
            ready, why = self._ready()
            if ready:
                say(f"\nThe page: {self.address}    (Ctrl+C ends the service)")
                return
            if why and why != said:
                said = why
                say(why)
            time.sleep(0.5)

    def _ready(self) -> tuple[bool, str]:
        """Ask the service whether it has scores, and if not, why."""
        try:
            with urlopen(f"{self.address}readyz", timeout=5):  # noqa: S310
                return True, ""
        except HTTPError as error:
            return False, json.loads(error.read())["error"]["message"]
        except (URLError, OSError):
            return False, ""
