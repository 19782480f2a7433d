"""The health score for people and programs: weights and goals in use, with what stands behind."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Literal

from features.metric import Metric
from serving import explain

if TYPE_CHECKING:
    from training.health_score import HealthScore

Told = Mapping[str, Any]
WORDS = (
    "against_present",
    "audit",
    "bands_said",
    "decided",
    "decisions_said",
    "evidence",
    "goal_said",
    "groups_said",
    "heaviest",
    "how_far",
    "most_weight",
    "simplicity",
)
"""Functions that the pages use."""
KEPT = (
    *("learned", "accounts", "churned", "scorecard", "trees"),
    *("auc_lost", "auc_lost_low", "auc_lost_high", "interactions"),
    *("groupings", "bands", "audit", "present_weights", "present_goals"),
)
"""What is told as training summed it up."""
WORTH_TELLING = 0.5
"""Points of weight from which a difference to today's is told."""
MOST_NAMED = 5
"""Metrics named in a line that sums up many."""
BAR = 16
"""Characters of the longest bar."""


def told(version: str | int = "champion") -> dict[str, Any]:
    """Everything that is known of a version's health score, as plain values.

    Returns
    -------
    dict
        version, settings_version (how many decisions stand in it), learned ("nothing",
        "dimensions" or "metrics"), accounts, churned; dimensions and metrics as in use, with 90 %
        intervals and `learned_weight`, `present_weight`, goals with their evidence; bands, audit;
        scorecard beside model; segments with goals of their own, grouped_by (the column) and
        groupings (what each would gain); present_weights (by metric, out of 100) and present_goals
        (those in use today, if any); changes (learned against present); decisions.
    """
    from training import tracking

    info = tracking.info(version)
    health = tracking.load_health(info.version)
    learned, words = tracking.load_learned_health(info.version), tracking.catalog(info.version)
    return {
        "version": info.version,
        "settings_version": health.settings_version,
        **_document(info.summary["health_score"], learned.score, health.score, words),
        "decisions": [asdict(each) for each in tracking.decisions(info.version)],
    }


def of_learned(
    score: "HealthScore", summary: Told, metrics: Mapping[str, Metric]
) -> dict[str, Any]:
    """The same of a score that is no version yet: `version` is None, and nothing is decided.

    Parameters
    ----------
    score : HealthScore
    summary : mapping
        What training told of it: its `health_score`.
    metrics : mapping of name to Metric
    """
    words = {name: vars(metric) for name, metric in metrics.items()}
    told = _document(summary, score, score, words)
    return {"version": None, "settings_version": 0, **told, "decisions": []}


def _document(
    summary: Told, learned: "HealthScore", served: "HealthScore", words: Mapping[str, Told]
) -> dict[str, Any]:
    """What `told` gives of a score as learned and as people's decisions left it."""
    in_use, before = served.weights_, learned.weights_["metrics"]
    changes = summary["changes"]["metrics"]
    for name, each in in_use["metrics"].items():
        each |= {key: words[name][key] for key in ("label", "unit", "healthy")}
        each["learned_weight"] = before[name]["weight"]
        each["present_weight"] = summary["present_weights"].get(name)
        each["change"] = changes.get(name)
        for goal, own in zip(each["goals"], before[name]["goals"], strict=True):
            goal["learned_goal"] = own["goal"]
    return {
        **{name: summary[name] for name in KEPT},
        **in_use,
        "segments": list(served.segments),
        "grouped_by": served.grouping.column,
        "changes": {key: summary["changes"][key] for key in ("leavers", "stayers", "learned")},
        "left_out": served.left_out,
    }


def heaviest(document: Told) -> list[tuple[str, list[tuple[str, Told]]]]:
    """Dimensions by weight, each with its metrics by weight."""
    dimensions = document["dimensions"]
    metrics = sorted(document["metrics"].items(), key=lambda item: -item[1]["weight"])
    return [
        (name, [(metric, each) for metric, each in metrics if each["dimension"] == name])
        for name in sorted(dimensions, key=lambda name: -dimensions[name]["weight"])
    ]


def most_weight(document: Told) -> float:
    """End of the scale on which weights are drawn: the highest, or the end of its interval."""
    ends = [each["high"] or each["weight"] for each in document["dimensions"].values()]
    return float(max(ends))


def goal_of(each: Told, segment: str = "all") -> Told:
    """One segment's goal of a metric, by default the portfolio's."""
    found: Told = next(goal for goal in each["goals"] if goal["segment"] == segment)
    return found


def decided(goal: Told) -> bool:
    """Whether people set a goal in place of the learned one."""
    return bool(goal["goal"] != goal["learned_goal"])


def evidence(goal: Told) -> str:
    """Say whether a segment's accounts bear a goal out, and whose counts stand beside it."""
    if decided(goal):
        return "set by people; counts are of the learned goal"
    return "enough" if goal["enough"] else "not enough"


def goal_said(each: Told, goal: Told) -> str:
    """Write a goal the way people read it.

    Examples
    --------
    >>> goal_said({"healthy": "high", "unit": "days"}, {"goal": 9.0})
    'at least 9 days'
    """
    word = "at least" if each["healthy"] == "high" else "at most"
    return f"{word} {explain.quantity(goal['goal'], each['unit'])}"


def how_far(document: Told) -> str:
    """Say how much was learned, and from how many."""
    from training.health_fit import CHURNS_FOR_DIMENSIONS, CHURNS_FOR_METRICS

    churned = document["churned"]
    counted = f"{churned:,} churned of {document['accounts']:,} accounts"
    today = bool(document["present_weights"])
    goals = "as they are today, or at quantiles" if document["present_goals"] else "at quantiles"
    if document["learned"] == "metrics":
        return f"Learned weights and goals from {counted}."
    if document["learned"] == "dimensions":
        shared = "as it is shared today" if today else "equally"
        return (
            f"Learned the weights of dimensions from {counted}. Below {CHURNS_FOR_METRICS}, single "
            f"metrics share their dimension's weight {shared} and goals stay {goals}."
        )
    why = (
        f"{counted} are too few ({CHURNS_FOR_DIMENSIONS} are needed)"
        if churned < CHURNS_FOR_DIMENSIONS
        else f"among {counted} no metric runs in its healthy direction"
    )
    recipe = (
        "The weights of today stand" if today else "This is the neutral recipe, equal dimensions"
    )
    return f"Learned nothing: {why}. {recipe}, with goals {goals}."


def groups_said(document: Told) -> str:
    """Say which accounts have goals of their own, and what was tested for that."""
    tested, made = document["groupings"], document["grouped_by"] if document["segments"] else ""
    if not tested and any(isinstance(goal, Mapping) for goal in document["present_goals"].values()):
        return f"Goals differ by {made}, as those of today do; nothing else was tested."
    if not tested:
        kept = f"Goals differ by {made}, as given" if made else "All accounts have the same goals"
        return f"{kept}: too few churned to test whether other groups' goals should differ."
    judged = f"{tested[0]['renewals']:,.0f} later renewals ({tested[0]['churned']} accounts left)"
    others = ", ".join(row["column"] for row in tested if row["column"] != made)
    if not made:
        return (
            f"All accounts have the same goals: by {others} they did not predict {judged} better."
        )
    [gain] = [row for row in tested if row["column"] == made]
    surely = (
        f"95 % surely by {gain['low']:.4f}"
        if gain["low"] > 0
        else "which may be chance: your own segments stay where they gain anything"
    )
    also = f" Tested as well: {others}." if others else ""
    return (
        f"Goals differ by {made}: that predicted {judged} better than the same goals for all, by "
        f"{gain['gain']:.4f} in log-loss, {surely}.{also}"
    )


def simplicity(document: Told) -> str:
    """Say what a scorecard costs against LightGBM alone."""
    simple, trees = document["scorecard"], document["trees"]
    if simple is None:
        return (
            "No LightGBM stands beside the scorecard: too few had churned before the judged time, "
            "or none was asked for."
        )
    lost = document["auc_lost"]
    said = f"simplicity costs {lost:.3f}" if lost > 0 else f"the simpler is ahead by {-lost:.3f}"
    text = (
        f"Out of time, among renewals due, the scorecard alone gives AUC {simple['auc']:.3f} "
        f"(calibration error {simple['calibration_error']:.3f}), LightGBM alone {trees['auc']:.3f} "
        f"({trees['calibration_error']:.3f}): {said} (95 % interval of LightGBM's lead "
        f"{document['auc_lost_low']:+.3f} to {document['auc_lost_high']:+.3f})."
    )
    if lost > 0.01:
        pairs = [f"{each['first']} with {each['second']}" for each in document["interactions"]]
        named = f": {', '.join(pairs)}" if pairs else ""
        text += f" Points that add up do not show what works together{named}."
    return text


def bands_said(document: Told) -> list[str]:
    """Say where bands begin, what they meant out of time, and what they do not mean."""
    bands = document["bands"]
    cuts = bands["cuts"]
    lines = [
        f"At risk below {cuts['at_risk_below']:.0f}, healthy from {cuts['healthy_from']:.0f}; an "
        f"account falls at once and rises {cuts['margin']:.0f} points above."
    ]
    if bands["at_risk_rate"] is not None and bands["base_rate"]:
        lines.append(
            f"At risk, {explain.percent(bands['at_risk_rate'])} left "
            f"({bands['at_risk_leavers']} of {bands['at_risk_renewals']} renewals; "
            f"{_from_to(bands, 'at_risk')}), {bands['at_risk_rate'] / bands['base_rate']:.1f} "
            f"times the {explain.percent(bands['base_rate'])} of all {bands['renewals']:,}."
        )
    if bands["leavers_below"] is not None:
        lines.append(
            f"{explain.percent(bands['leavers_below'])} of {bands['leavers']} leavers "
            f"({_from_to(bands, 'leavers_below')}) were below healthy {bands['days_before']:.0f} "
            "days before; "
            f"{explain.percent(bands['healthy_share'])} of all looks were healthy."
        )
    return lines + [f"Not reached: {each}" for each in bands["unmet"]]


def _from_to(told: Told, name: str) -> str:
    low, high = (explain.percent(told[f"{name}_{end}"]) for end in ("low", "high"))
    return f"95 % {low} to {high}"


def audit(document: Told) -> list[dict[str, Any]]:
    """Greens that left and reds that stayed: one row per period."""
    rows: dict[str, dict[str, Any]] = {}
    for each in document["audit"]:
        row = rows.setdefault(each["period"], {"period": each["period"]})
        row[each["band"]] = each
    return list(rows.values())


def against_present(document: Told) -> list[str]:
    """What each change from today's weights and goals would have meant for last year's leavers.

    Dimensions first, then the metrics that count today; what counts nothing today is summed up.
    """
    changes = document["changes"]
    if not any(each["change"] for each in document["metrics"].values()):
        return []
    flagged, leavers = changes["learned"], changes["leavers"]
    return [
        f"As learned, {flagged['leavers']} of last year's {leavers} leavers would have been below "
        f"healthy before they left, and {flagged['stayers']} of {changes['stayers']} who stayed. "
        "The score learned from these as well: the counts compare settings, they judge none.",
        *_dimensions_today(document),
        *(line for each in document["metrics"].values() for line in _metric_today(each)),
        *_new_today(document),
    ]


def _dimensions_today(document: Told) -> list[str]:
    """Weight of each dimension today, and as learned, where they differ."""
    lines = []
    for name, each in document["dimensions"].items() if document["present_weights"] else ():
        own = [m for m in document["metrics"].values() if m["dimension"] == name]
        today = sum(m["present_weight"] or 0.0 for m in own)
        learned = sum(m["learned_weight"] for m in own)
        if abs(today - learned) >= WORTH_TELLING:
            lines.append(
                f"{explain.dimension_label(name)} in all: weight {today:.1f} today, {learned:.1f} "
                f"learned ({_range(each)})."
            )
    return lines


def _metric_today(each: Told) -> list[str]:
    """What one metric's weight and goal of today would have meant, where it has any."""
    change = each["change"] or {}
    lines = []
    today, learned = change.get("present_weight", 0.0), each["learned_weight"]
    if today > 0 and abs(today - learned) >= WORTH_TELLING:
        with_it = change["with_weight"]
        lines.append(
            f"{each['label']}: weight {today:.1f} today, {learned:.1f} learned ({_range(each)}); "
            f"with today's {with_it['leavers']} leavers and {with_it['stayers']} others flagged."
        )
    if "with_goals" in change:
        with_it = change["with_goals"]
        lines.append(
            f"{each['label']}: goal {_plain(change['present_goals'])} today, "
            f"{_goals_learned(each, change['present_goals'])} learned; with today's "
            f"{with_it['leavers']} leavers and {with_it['stayers']} others flagged."
        )
    return lines


def _goals_learned(each: Told, today: Any) -> str:
    """The learned goals that stand beside today's, segment by segment, with 90 % intervals."""
    if not isinstance(today, Mapping):
        return _goal_learned(each, goal_of(each))
    own = [goal for goal in each["goals"] if goal["segment"] in today]
    return ", ".join(f"{goal['segment']} {_goal_learned(each, goal)}" for goal in own)


def _goal_learned(each: Told, goal: Told) -> str:
    ends = [goal["low"], goal["high"]]
    told = explain.quantity(goal["learned_goal"], each["unit"])
    if None in ends:
        return f"{told} (no interval)"
    low, high = (explain.quantity(end, each["unit"]) for end in ends)
    return f"{told} ({low} to {high})"


def _new_today(document: Told) -> list[str]:
    """The metrics that count nothing today and were learned to count."""
    if not document["present_weights"]:
        return []
    metrics = document["metrics"].values()
    new = [each for each in metrics if not each["present_weight"] and each["learned_weight"] > 0]
    new.sort(key=lambda each: -each["learned_weight"])
    if not new:
        return []
    named = ", ".join(f"{each['label']} {each['learned_weight']:.1f}" for each in new[:MOST_NAMED])
    return [
        f"{len(new)} metrics count nothing today and {sum(e['learned_weight'] for e in new):.1f} "
        f"of 100 as learned, first of all {named}."
    ]


def decisions_said(document: Told) -> list[str]:
    """What people decided, in order."""
    lines = []
    for each in document["decisions"]:
        parts = [
            f"weight {each['weight']:g}" if each["weight"] is not None else "",
            f"goal {each['goal']:g}" if each["goal"] is not None else "",
            f"for {each['segment']}" if each["segment"] != "all" else "",
            f"(from version {each['carried_from']})" if each["carried_from"] else "",
        ]
        what = " ".join([each["action"], each["metric"], *(part for part in parts if part)])
        lines.append(f"{each['at'][:10]} {each['by']}: {what}. {each['why']}")
    return lines


def _range(each: Told) -> str:
    return "no interval" if each["low"] is None else f"{each['low']:.1f}-{each['high']:.1f}"


def _plain(goals: Any) -> str:
    if isinstance(goals, Mapping):
        return ", ".join(f"{name} {value:g}" for name, value in goals.items())
    return f"{goals:g}"


def print_table(document: Told, most: int = 12) -> None:
    """Print weights and goals as a table with bars, to stdout."""
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="bold")
    columns = (
        "",
        "weight",
        "",
        "90 % interval",
        "goal",
        "below: left/accounts",
        "above",
        "evidence",
    )
    for place, title in enumerate(columns):
        # names are typed after `tenure weights fix`, so none is cut short
        side: Literal["left", "right"] = "right" if place in (1, 3, 5, 6) else "left"
        table.add_column(title, justify=side, no_wrap=place == 0, overflow="fold")
    full = most_weight(document)
    for name, metrics in heaviest(document):
        each = document["dimensions"][name]
        bar = "█" * round(BAR * each["weight"] / full)
        table.add_row(
            f"[bold]{explain.dimension_label(name)}[/bold]",
            f"{each['weight']:.1f}",
            bar,
            _range(each),
        )
        for metric, own in metrics[:most]:
            table.add_row(*_row(metric, own, full))
        if len(metrics) > most:
            table.add_row(f"  and {len(metrics) - most} lighter ones")
    console = Console(width=160) if not Console().is_terminal else Console()
    console.print(table)


def _row(metric: str, each: Told, full: float) -> Sequence[str]:
    goal = goal_of(each)
    bar = "▒" * round(BAR * each["weight"] / full)
    return (
        f"  {metric}",
        f"{each['weight']:.1f}",
        bar,
        _range(each),
        goal_said(each, goal),
        f"{goal['churned_below']}/{goal['accounts_below']}",
        f"{goal['churned_above']}/{goal['accounts_above']}",
        evidence(goal),
    )


def to_text(document: Told) -> str:
    """Write everything around the table."""
    blocks = [
        [how_far(document)],
        [simplicity(document)],
        [groups_said(document)],
        ["Bands", *bands_said(document)],
        ["Greens that left and reds that stayed", *_audit_lines(document)],
    ]
    if lines := against_present(document):
        blocks.append(["Learned against present", *lines])
    if lines := decisions_said(document):
        blocks.append(["Decisions", *lines])
    return "\n\n".join("\n  ".join(block) for block in blocks)


def _audit_lines(document: Told) -> list[str]:
    return [
        f"{row['period']}: {row['healthy']['left']} of {row['healthy']['renewals']} healthy left, "
        f"{row['at risk']['stayed']} of {row['at risk']['renewals']} at risk stayed"
        for row in audit(document)
    ]
