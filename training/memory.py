"""Large tables: looked at chunk by chunk, and memory that is given back once it is free."""

import ctypes

ROWS_AT_ONCE = 50_000
"""Rows of a table that are worked on in one step, where each step makes several copies of them."""


def chunks(rows: int) -> list[slice]:
    """Cut so many rows into chunks; one empty chunk of none.

    Examples
    --------
    >>> chunks(60_000)
    [slice(0, 50000, None), slice(50000, 100000, None)]
    """
    return [slice(start, start + ROWS_AT_ONCE) for start in range(0, max(rows, 1), ROWS_AT_ONCE)]


def give_back() -> None:
    """Return freed memory to the system, where the C library would keep it (glibc).

    It does so of blocks of up to 32 MB, which columns of a million rows are: after some fits it
    holds more than is in use.
    """
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)
