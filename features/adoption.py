"""Adoption: of the accounts that were due, how many used a feature, and what came of them.

Each renewal is looked at once: at the first as_of whose outcome window it lies in, when nobody yet
behaves like somebody who has left. A contract without an end is looked at anew after each window.
Counting stays in the engine; what leaves it are counts per as_of, segment and feature.
"""

from collections.abc import Sequence
from datetime import date

import ibis
import ibis.expr.types as ir
import pandas as pd
from ibis import _

from features import masks, usage, windows
from features.fates import outcomes
from features.observations import epoch_day, last_day, mature_as_ofs, observe
from features.settings import ObservationSettings, Settings
from features.source import Source
from features.windows import KEYS

GROUP = ("as_of", "segment")


def adoption(source: Source, settings: Settings) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Count adopters of each feature among the accounts due, and those of them that churned.

    Parameters
    ----------
    source : Source
        With a table ``usage``.
    settings : Settings
        ``observations`` says who is observed when.

    Returns
    -------
    groups : DataFrame
        as_of, segment ("" where none is told), due, churned: accounts whose renewal is looked at on
        that day. Every day with an observation is there.
    features : DataFrame
        as_of, segment, feature, due, churned: those of them that had used the feature in the 90
        days before, where there were any.

    Raises
    ------
    TenureError
        Where the history is too short for any outcome.
    """
    as_ofs = mature_as_ofs(source, settings)
    until = last_day(source, settings)
    blocks = masks.blocks(as_ofs)
    parts = [_counts(source, settings.observations, as_ofs, until, block) for block in blocks]
    groups, features = (pd.concat(each, ignore_index=True) for each in zip(*parts, strict=True))
    return groups, features


def _counts(
    source: Source,
    settings: ObservationSettings,
    as_ofs: Sequence[date],
    seen_until: date,
    block: Sequence[date],
) -> tuple[pd.DataFrame, pd.DataFrame]:
    looked = _looks(source, settings, as_ofs, seen_until, block).cache()
    groups = looked.group_by(*GROUP).agg(due=_.first.sum(), churned=_.lost.sum())
    marked = windows.mark(usage.with_defaults(source.tables["usage"]), block)
    used = windows.seen(marked.filter(_.feature != usage.SIGN_IN), block, "feature", "90d")
    features = looked.filter(_.first == 1).inner_join(used, list(KEYS))
    features = features.group_by(*GROUP, "feature").agg(due=_.first.sum(), churned=_.lost.sum())
    return groups.execute(), features.execute()


def _looks(
    source: Source,
    settings: ObservationSettings,
    as_ofs: Sequence[date],
    seen_until: date,
    block: Sequence[date],
) -> ir.Table:
    """Observations with segment, whether their renewal is looked at now, and if it was lost."""
    observed = observe(source.tables, block, settings.grace_days).cache()
    t = outcomes(source.tables, observed, settings, as_ofs, seen_until)
    t = t.inner_join(observed.select(*KEYS, "renewal_date"), list(KEYS))
    schema = {"as_of": "date", "seen_until": "int64", "anew": "bool"}
    calendar = ibis.memtable(_calendar(as_ofs, settings), schema=schema)
    t = t.inner_join(calendar, "as_of")
    accounts = source.tables["accounts"]
    segment = accounts.segment if "segment" in accounts.columns else ibis.null("string")
    t = t.left_join(accounts.select("account_id", segment=segment), "account_id")
    fresh = ibis.ifelse(t.renewal_date.isnull(), t.anew, epoch_day(t.renewal_date) > t.seen_until)
    first = ibis.ifelse(t.due & fresh, 1, 0)
    lost = ibis.ifelse(t.due & fresh & t.churned, 1, 0)
    return t.select(*KEYS, segment=t.segment.fill_null(""), first=first, lost=lost)


def _calendar(
    as_ofs: Sequence[date], settings: ObservationSettings
) -> list[tuple[date, int, bool]]:
    """Each as_of, the day until which the windows before it reach, and if its own is a new one."""
    rows, until, opens_again = [], -1, date.min.toordinal()
    for day in sorted(as_ofs):
        anew = day.toordinal() >= opens_again
        rows.append((day, until, anew))
        opens_again = day.toordinal() + settings.horizon_days if anew else opens_again
        until = (day - date(1970, 1, 1)).days + settings.lead_days + settings.horizon_days
    return rows
