"""How often a key may ask: the generic cell rate algorithm, in memory that all workers share.

One number per key, the moment at which its allowance would be whole again, is all there is to
remember (ITU-T I.371; `https://en.wikipedia.org/wiki/Generic_cell_rate_algorithm`). It lies in a
file mapped by every worker. Two workers that write in the same microsecond may lose one request's
count, which a limit on load can bear.
"""

import mmap
import struct
import time
from pathlib import Path

SLOTS = 4096
_MINUTE_S = 60.0
_SECONDS = struct.Struct("d")


class RateLimit:
    """Allows a number of requests a minute, all of which may come at once.

    Parameters
    ----------
    requests_per_minute : int
    shared : Path, optional
        File that the workers share; without it, the limit holds for this process alone.
    """

    def __init__(self, requests_per_minute: int, shared: Path | None = None) -> None:
        self.requests_per_minute = requests_per_minute
        self._interval_s = _MINUTE_S / requests_per_minute
        self._moments = _map(shared)

    def wait_s(self, place: int) -> float:
        """Count a request of the key at a place.

        Returns
        -------
        float
            Seconds until it would be allowed; 0 if it is, and only then it was counted.
        """
        now = time.monotonic()  # on Linux one clock for all processes
        offset = _SECONDS.size * (place % SLOTS)
        (whole_at,) = _SECONDS.unpack_from(self._moments, offset)
        later = max(now, whole_at) + self._interval_s
        if later - now > _MINUTE_S:
            return float(later - now - _MINUTE_S)
        _SECONDS.pack_into(self._moments, offset, later)
        return 0.0


def _map(shared: Path | None) -> mmap.mmap:
    size = SLOTS * _SECONDS.size
    if shared is None:
        return mmap.mmap(-1, size)
    with shared.open("a+b") as file:
        file.truncate(size)
        return mmap.mmap(file.fileno(), size)
