"""Commercial: what the customer buys and how it pays, against what it bought and paid before.

What stands in the contract (ARR, seats, days to renewal) is context; here is what moved. Contracts
are looked at as they were known then: today's against those that were in force 365 days before, by
what was known on *that* day, and terms that ended against the terms that followed on.
"""

from collections.abc import Sequence
from datetime import date, timedelta

import ibis
import ibis.expr.types as ir
from ibis import _

from features.known import age_days, known_rows, with_all_columns, within
from features.metric import Below, Metric
from features.observations import (
    FOREVER,
    Tables,
    contracts_as_known,
    epoch_day,
    grid,
    standing,
)
from features.windows import KEYS, attach

DIMENSION = "commercial"
_YEAR = 365
_GAP_DAYS = 30
"""A term that starts so long after the end of another still follows on from it."""


def quantities(tables: Tables, observations: ir.Table, as_ofs: Sequence[date]) -> ir.Table:
    """Contracts and invoices as known at each observation.

    Returns
    -------
    Table
        The observations with ``products``, ``auto_renew_share``, ``arr_before`` and
        ``seats_before`` (365 days earlier), ``renewals_behind``, ``price_change``; and, where there
        are invoices, ``late_share_365d``, ``delay_days_365d``, ``billed_365d`` and
        ``overdue_365d`` (amounts).
    """
    earlier = [a - timedelta(days=_YEAR) for a in as_ofs]
    contracts = with_all_columns(tables["contracts"], "contracts")
    seen = contracts_as_known(contracts, grid([*as_ofs, *earlier]))
    force = standing(seen)
    bought = force.group_by(*KEYS).agg(
        arr_before=force.arr.sum(),
        seats_before=force.seats.sum(),
        products=force.product.nunique(),
        auto_renew_share=force.auto_renew.mean(),
    )
    t = attach(observations, bought.drop("arr_before", "seats_before"))
    t = attach(t, _a_year_on(bought.select(*KEYS, "arr_before", "seats_before")))
    t = attach(t, _renewals(seen.semi_join(observations, list(KEYS))))
    t = t.mutate(renewals_behind=t.renewals_behind.fill_null(0))
    if "invoices" in tables:
        t = attach(t, _payments(tables["invoices"], observations))
    return t


def _a_year_on(bought: ir.Table) -> ir.Table:
    later = bought.as_of + ibis.interval(days=_YEAR)
    return bought.mutate(as_of=later.cast("date"))


def _renewals(seen: ir.Table) -> ir.Table:
    """Ended terms that were followed on, and what the last of them did to the price."""
    ended = seen.filter(seen.end_date <= seen.as_of)
    ended = ended.select(*KEYS, "contract_id", "start_date", "end_date", "product", "arr", "seats")
    following = seen.select(
        *KEYS,
        next_id="contract_id",
        next_start="start_date",
        next_end=seen.end_date.fill_null(FOREVER),
        next_product="product",
        next_arr="arr",
        next_seats="seats",
    )
    pairs = ended.inner_join(following, list(KEYS)).filter(
        _.next_id != _.contract_id,
        _.next_start > _.start_date,
        epoch_day(_.next_start) <= epoch_day(_.end_date) + _GAP_DAYS,
        _.next_end > _.end_date,
    )
    replaced = (
        (pairs.product.fill_null("") == pairs.next_product.fill_null(""))
        & (pairs.next_start <= pairs.as_of)
        & (pairs.next_end > pairs.as_of)
        & (pairs.next_seats > 0).fill_null(False)
    )
    terms = pairs.group_by(*KEYS, "contract_id", "end_date").agg(
        price_before=(pairs.arr / pairs.seats.nullif(0)).max(),
        price_now=pairs.next_arr.sum(where=replaced) / pairs.next_seats.sum(where=replaced),
        replaced=pairs.count(where=replaced),
    )
    last = ibis.row_number().over(
        group_by=list(KEYS),
        order_by=[ibis.desc(terms.replaced > 0), ibis.desc(terms.end_date), terms.contract_id],
    )
    terms = terms.mutate(last=last)
    change = terms.price_now / terms.price_before.nullif(0) - 1.0
    return terms.group_by(*KEYS).agg(
        renewals_behind=terms.count(), price_change=change.max(where=terms["last"] == 0)
    )


def _payments(invoices: ir.Table, observations: ir.Table) -> ir.Table:
    invoices = with_all_columns(invoices, "invoices")
    t = known_rows(invoices.filter(invoices.amount > 0), observations)
    t = t.mutate(
        issued_days=age_days(t, t.issued_at),
        due_days=age_days(t, t.due_at),
        paid_days=age_days(t, t.paid_at),
        delay_days=epoch_day(t.paid_at) - epoch_day(t.due_at),
    )
    t = t.filter(t.issued_days > 0)
    paid = (t.paid_days > 0).fill_null(False)
    late = ~paid | (t.delay_days > 0)
    billed = t.issued_days <= _YEAR
    return t.group_by(*KEYS).agg(
        late_share_365d=late.mean(where=within(t.due_days, _YEAR)),
        delay_days_365d=t.delay_days.mean(where=within(t.paid_days, _YEAR)),
        billed_365d=t.amount.sum(where=billed),
        overdue_365d=t.amount.sum(where=billed & ~paid & (t.due_days > 0)),
    )


METRICS = (
    Metric(
        name="seats_change_365d",
        dimension=DIMENSION,
        label="Change in seats",
        label_de="Veränderung der Lizenzen",
        unit="share",
        healthy="high",
        actionable=False,
        formula="seats in force / seats that were in force 365 days before as_of, less 1",
        sentence="Seats changed by {value} within a year",
        sentence_de="Die Zahl der Lizenzen hat sich binnen eines Jahres um {value} verändert",
        needs=("contracts.seats",),
        not_for=(("tenure_days", Below(365)),),
        value=lambda t: t.seats / t.seats_before.nullif(0) - 1.0,
    ),
    Metric(
        name="arr_change_365d",
        dimension=DIMENSION,
        label="Change in ARR",
        label_de="Veränderung des ARR",
        unit="share",
        healthy="high",
        actionable=False,
        formula="ARR in force / ARR that was in force 365 days before as_of, less 1",
        sentence="ARR changed by {value} within a year",
        sentence_de="Der ARR hat sich binnen eines Jahres um {value} verändert",
        needs=("contracts",),
        not_for=(("tenure_days", Below(365)),),
        value=lambda t: t.arr / t.arr_before.nullif(0) - 1.0,
    ),
    Metric(
        name="products",
        dimension=DIMENSION,
        label="Products",
        label_de="Produkte",
        unit="products",
        healthy="high",
        actionable=False,
        formula="distinct products of the contracts in force",
        sentence="{value} {product is|products are} under contract",
        sentence_de="{value} {Produkt ist|Produkte sind} unter Vertrag",
        needs=("contracts.product",),
        value=lambda t: t.products.nullif(0),
    ),
    Metric(
        name="renewals_behind",
        dimension=DIMENSION,
        label="Renewals behind",
        label_de="Bisherige Verlängerungen",
        unit="renewals",
        healthy="high",
        actionable=False,
        formula="contract terms that ended, with another that outlasts them begun within 30 days",
        sentence="The customer has renewed {value} {time|times}",
        sentence_de="Der Kunde hat bisher {value} Mal verlängert",
        needs=("contracts",),
        value=lambda t: t.renewals_behind,
    ),
    Metric(
        name="late_payment_share_365d",
        dimension=DIMENSION,
        label="Invoices paid late",
        label_de="Verspätet bezahlte Rechnungen",
        unit="share",
        healthy="low",
        actionable=False,
        formula="invoices not paid by their due day / all due in the 365 days before as_of",
        sentence="{value} of the invoices due in the last year were not paid in time",
        sentence_de=(
            "{value} der im letzten Jahr fälligen Rechnungen {wurde|wurden} nicht pünktlich bezahlt"
        ),
        needs=("invoices.paid_at",),
        value=lambda t: t.late_share_365d,
    ),
    Metric(
        name="payment_delay_days_365d",
        dimension=DIMENSION,
        label="Delay of payments",
        label_de="Zahlungsverzug",
        unit="days",
        healthy="low",
        actionable=False,
        formula="mean days from due day to payment, of payments in the 365 days before as_of",
        sentence="Payments of the last year came {value} {day|days} after they were due",
        sentence_de=(
            "Zahlungen des letzten Jahres kamen im Schnitt {value} {Tag|Tage} nach Fälligkeit"
        ),
        needs=("invoices.paid_at",),
        value=lambda t: t.delay_days_365d,
    ),
    Metric(
        name="overdue_invoice_share_365d",
        dimension=DIMENSION,
        label="Overdue invoices",
        label_de="Überfällige Rechnungen",
        unit="share",
        healthy="low",
        actionable=True,
        formula="amount overdue at as_of / amount billed, of invoices of the 365 days before as_of",
        sentence="{value} of what was billed in the last year is overdue",
        sentence_de="{value} des im letzten Jahr berechneten Betrags {ist|sind} überfällig",
        needs=("invoices.paid_at",),
        value=lambda t: ibis.ifelse(
            t.billed_365d > 0, t.overdue_365d.fill_null(0.0) / t.billed_365d, None
        ),
    ),
    Metric(
        name="price_change_last_renewal",
        dimension=DIMENSION,
        label="Price change at the last renewal",
        label_de="Preisänderung bei der letzten Verlängerung",
        unit="share",
        healthy="low",
        actionable=False,
        formula=(
            "ARR per seat of what replaced the last ended term (same product) / ARR per seat of "
            "that term, less 1"
        ),
        sentence="The price of a seat changed by {value} at the last renewal",
        sentence_de=(
            "Der Preis pro Lizenz hat sich bei der letzten Verlängerung um {value} verändert"
        ),
        needs=("contracts.seats",),
        not_for=(("renewals_behind", 0),),
        value=lambda t: t.price_change,
    ),
    Metric(
        name="auto_renew_share",
        dimension=DIMENSION,
        label="Contracts that renew by themselves",
        label_de="Automatisch verlängerte Verträge",
        unit="share",
        healthy="high",
        actionable=False,
        formula="contracts in force that renew unless somebody acts / those of which it is told",
        sentence="{value} of the contracts renew by themselves",
        sentence_de="{value} der Verträge {verlängert|verlängern} sich automatisch",
        needs=("contracts.auto_renew",),
        value=lambda t: t.auto_renew_share,
    ),
)
