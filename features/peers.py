"""Peers: where an account's use stands among customers like it.

Light use may be a warning, or the norm of customers of that kind. A rank tells them apart: the
share of an account's peers that use the product less. Its peers are the other accounts observed at
the same as_of, in the same segment and of the same age as customers: up to 1 year, up to 3 years,
or older. Where segments are not told, age alone makes peers; accounts without a segment are peers
of each other. Equals do not stand below each other, so among many with the same value none is
ranked high. Of fewer than ten peers no rank is made.
"""

import ibis
import ibis.expr.types as ir

from features import breadth, depth, frequency
from features.metric import Metric
from features.observations import Tables, epoch_day
from features.windows import KEYS

_RANKED = (
    "active_days_28d",
    "active_seat_share_28d",
    "minutes_per_active_user_28d",
    "features_used_28d",
)
_FEWEST = 10
_YEAR = 365
_BASES = tuple(
    metric
    for dimension in (frequency, breadth, depth)
    for metric in dimension.METRICS
    if metric.name in _RANKED
)


def quantities(tables: Tables, usage: ir.Table) -> ir.Table:
    """Each observation's rank in the main metrics of use.

    Parameters
    ----------
    tables : mapping of str to Table
        Conformed contract tables.
    usage : Table
        What is counted in usage for all observations (`features.usage.quantities`).

    Returns
    -------
    Table
        account_id, as_of, and ``{metric}_peer_rank`` (0-1), null where the metric is, and where
        there are fewer than ten peers in whom it is known.
    """
    accounts = tables["accounts"]
    segment = accounts.segment if "segment" in accounts.columns else ibis.null("string")
    values = {base.name: base.value(usage).cast("float64") for base in _BASES}
    t = usage.select(*KEYS, age_band=_age_band(usage), **values)
    segments = accounts.select("account_id", segment=segment)
    t = t.left_join(segments, "account_id").drop("account_id_right")
    return t.select(*KEYS, **{f"{base.name}_peer_rank": _rank(t, base.name) for base in _BASES})


def _age_band(t: ir.Table) -> ir.Value:
    """Years as a customer up to which an account belongs to its band: 1, 3, or 0 for older."""
    days = epoch_day(t.as_of) - epoch_day(t.customer_since)
    return ibis.cases((days <= _YEAR, 1), (days <= 3 * _YEAR, 3), else_=0)


def _rank(t: ir.Table, name: str) -> ir.Value:
    """Share of the peers below; those in whom the value is unknown are a group apart."""
    value = t[name]
    group = ["as_of", "segment", "age_band", value.isnull()]
    below = ibis.rank().over(group_by=group, order_by=value)
    peers = t.count().over(group_by=group) - 1
    rank = below.cast("float64") / peers.nullif(0)
    return ibis.ifelse(value.notnull() & (peers >= _FEWEST), rank, ibis.null("float64"))


def _ranked(base: Metric) -> Metric:
    name = f"{base.name}_peer_rank"
    return Metric(
        name=name,
        dimension=base.dimension,
        label=f"{base.label}, rank among peers",
        label_de=f"{base.label_de}, Rang unter Vergleichskunden",
        unit="share",
        healthy=base.healthy,
        actionable=False,
        formula=(
            f"share of the peers whose {base.name} is lower: of the other accounts at as_of in the "
            "same segment and as long customers (up to 1 year, up to 3, more), where they are ten "
            "or more"
        ),
        sentence=f"{base.label}: higher than in {{value}} of comparable accounts",
        sentence_de=f"{base.label_de}: höher als bei {{value}} der vergleichbaren Kunden",
        needs=base.needs,
        not_for=base.not_for,
        value=lambda t: t[name],
    )


METRICS = tuple(_ranked(base) for base in _BASES)
