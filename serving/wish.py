"""Which accounts are wanted, and in which order; asked alike by people and programs."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from serving.api import ApiError
from serving.explain import Record

BANDS = ("healthy", "watch", "at risk")

SORTS: Mapping[str, Callable[[Record], Any]] = {
    "risk": lambda row: -row["churn_probability"],
    "health": lambda row: 101.0 if row["health"] is None else row["health"],
    "arr": lambda row: -(row["arr_at_risk"] or 0.0),
    "renewal": lambda row: row["renewal_date"] or "9999",
}
"""Orders that people may ask for; ties keep the riskiest first."""


LONGEST = 200
"""Characters of a name to look for."""


@dataclass(frozen=True)
class Wish:
    """Which accounts are wanted, and in which order; empty means all."""

    q: str = ""
    segment: str = ""
    csm: str = ""
    band: str = ""
    sort: str = "risk"

    @classmethod
    def of(cls, query: Mapping[str, str]) -> "Wish":
        """Read a query string.

        Raises
        ------
        ApiError
            Where a name is too long, the order none of `SORTS`, or the band none of `BANDS`.
        """
        told = {name: query.get(name, "") for name in ("q", "segment", "csm", "band")}
        if long := [name for name, text in told.items() if len(text) > LONGEST]:
            raise ApiError(
                400, "invalid_request", f"{long[0]} must have at most {LONGEST} characters."
            )
        if told["band"] not in ("", *BANDS):
            raise ApiError(400, "invalid_request", f"band must be one of {', '.join(BANDS)}.")
        sort = query.get("sort", "risk")
        if sort not in SORTS:
            raise ApiError(
                400, "invalid_request", f"sort must be one of {', '.join(SORTS)}, not {sort!r}."
            )
        return cls(**told, sort=sort)

    def choose(self, rows: Iterable[Record]) -> list[Record]:
        """Filter and sort rows that come with the riskiest first."""
        return sorted((row for row in rows if self._fits(row)), key=SORTS[self.sort])

    def query(self, **more: object) -> str:
        """Write the wish as a query string."""
        said = {name: value for name, value in vars(self).items() if value and value != "risk"}
        return urlencode({**said, **more})

    def _fits(self, row: Record) -> bool:
        text = f"{row['name'] or ''} {row['account_id']}".casefold()
        return (
            self.q.strip().casefold() in text
            and self.segment in ("", row["segment"])
            and self.csm in ("", row["csm"])
            and self.band in ("", row["band"])
        )
