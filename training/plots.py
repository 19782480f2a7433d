"""Frame -> figure, as SVG text that stands in a page without asking anybody for anything."""

import io
from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from matplotlib.axes import Axes

INK, SOFT, LINE = "#1d2529", "#5a666c", "#dfe3e2"
MODEL, OTHER, BAND = "#1f4e5f", "#b9c4c8", "#1f4e5f"
STYLE: dict[Any, Any] = {
    "font.family": "sans-serif",
    "font.size": 10,
    "text.color": INK,
    "axes.labelcolor": SOFT,
    "xtick.color": SOFT,
    "ytick.color": SOFT,
    "axes.edgecolor": LINE,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "svg.fonttype": "none",
    "svg.hashsalt": "tenure",
}


def figures(told: Mapping[str, pd.DataFrame]) -> dict[str, str]:
    """Draw whatever the frames of `training.questions.answers` hold, by name."""
    drawn = {}
    if "called" in told:
        drawn["called"] = _drawn(lambda axes: _bars(axes, told["called"], "rule", "left"), 6.4, 2.4)
    if "promised" in told:
        drawn["promised"] = _drawn(lambda axes: _promised(axes, told["promised"]), 4.4, 3.6)
    if "ahead" in told and told["ahead"]["left"].notna().any():
        rows = told["ahead"].dropna(subset="left")
        drawn["ahead"] = _drawn(lambda axes: _promised(axes, rows), 4.4, 3.6)
    for curve, (x, y) in CURVES.items():
        if "curves" in told:
            line = told["curves"].query("curve == @curve")
            drawn[curve] = _drawn(partial(_curve, line=line, curve=curve, x=x, y=y), 3.6, 3.2)
    if "rankings" in told:
        drawn["rankings"] = _drawn(lambda axes: _auc(axes, told["rankings"], "rule"), 6.4, 2.2)
    for name in ("folds", "horizon", "history", "groups"):
        if name in told and told[name]["auc"].notna().any():
            rows = told[name].dropna(subset="auc")
            if "trait" in rows:
                rows = rows.assign(group=rows["trait"] + ": " + rows["group"])
            tall = 0.8 + 0.3 * len(rows)
            drawn[name] = _drawn(partial(_auc, rows=rows, name="group"), 6.4, tall)
    if "learning" in told:
        drawn["learning"] = _drawn(lambda axes: _learning(axes, told["learning"]), 5.2, 3.0)
    return drawn


CURVES = {
    "gain": ("share of accounts called", "share of leavers found"),
    "roc": ("false alarms, share of those who stayed", "share of leavers found"),
    "pr": ("share of leavers found", "precision"),
}


def _drawn(draw: "Callable[[Axes], None]", wide: float, tall: float) -> str:
    """Draw on axes of so many inches; the same figures give the same text."""
    import matplotlib as mpl
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure

    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(wide, tall), layout="constrained")
        FigureCanvasSVG(figure)
        draw(figure.subplots())
        text = io.StringIO()
        figure.savefig(text, format="svg", transparent=True, metadata={"Date": None})
    svg = text.getvalue()
    return svg[svg.index("<svg") :]


def _bars(axes: "Axes", rows: pd.DataFrame, name: str, value: str) -> None:
    rows = rows.iloc[::-1]
    colours = [MODEL if each == "the model" else OTHER for each in rows[name]]
    axes.barh(rows[name], rows[value], color=colours, height=0.62)
    _whiskers(axes, rows, name, value)
    axes.set_xlabel(f"left, of {int(rows['called'].iloc[0])} called after one look (95 % interval)")
    axes.tick_params(left=False)


def _auc(axes: "Axes", rows: pd.DataFrame, name: str) -> None:
    rows = rows.iloc[::-1]
    axes.axvline(0.5, color=OTHER, linewidth=1)
    _whiskers(axes, rows, name, "auc")
    axes.plot(rows["auc"], rows[name], "o", color=MODEL)
    axes.set_xlabel("AUC among the due (0.5 is chance; 95 % interval)")
    axes.set_xlim(min(0.4, float(rows["auc_low"].min()) - 0.02), 1.0)
    axes.margins(y=0.15)


def _learning(axes: "Axes", rows: pd.DataFrame) -> None:
    axes.vlines(rows["churned"], rows["auc_low"], rows["auc_high"], color=INK, linewidth=1.2)
    axes.plot(rows["churned"], rows["auc"], "o-", color=MODEL)
    axes.set_xscale("log", base=2)
    axes.set_xticks(rows["churned"], [f"{count:,}" for count in rows["churned"]])
    axes.minorticks_off()
    axes.set(xlabel="churned accounts learned from", ylabel="AUC among the due (95 % interval)")


def _whiskers(axes: "Axes", rows: pd.DataFrame, name: str, value: str) -> None:
    axes.hlines(rows[name], rows[f"{value}_low"], rows[f"{value}_high"], color=INK, linewidth=1.2)


def _promised(axes: "Axes", rows: pd.DataFrame) -> None:
    top = float(np.nanmax([rows["said"].max(), rows["left_high"].max()])) * 1.05
    axes.plot([0, top], [0, top], color=OTHER, linewidth=1)
    axes.vlines(rows["said"], rows["left_low"], rows["left_high"], color=INK, linewidth=1.2)
    axes.plot(rows["said"], rows["left"], "o", color=MODEL)
    axes.set(xlabel="said", ylabel="left (95 % interval)", xlim=(0, top), ylim=(0, top))
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter(lambda value, _: f"{100 * value:.0f} %")


def _curve(axes: "Axes", line: pd.DataFrame, curve: str, x: str, y: str) -> None:
    axes.fill_between(line["x"], line["low"], line["high"], color=BAND, alpha=0.16, linewidth=0)
    axes.plot(line["x"], line["y"], color=MODEL)
    if curve != "pr":
        axes.plot([0, 1], [0, 1], color=OTHER, linewidth=1)
    axes.set(xlabel=x, ylabel=y, xlim=(0, 1), ylim=(0, 1.02))
