"""What the commands say and how they show that they work. All of it goes to stderr."""

import os
import shlex
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

T = TypeVar("T")


def say(text: str = "") -> None:
    """Tell the person at the terminal something; results for programs go to stdout."""
    print(text, file=sys.stderr, flush=True)


def typed(*words: object, config: Path | None = None) -> str:
    """Write a command as it is to be typed here: `./run` says how it was called itself.

    Examples
    --------
    >>> typed("check", "my data")
    "tenure check 'my data'"
    """
    options = ["--config", config] if config else []
    command = os.environ.get("TENURE_CALLED_AS", "tenure")
    return f"{command} {shlex.join(str(word) for word in [*words, *options])}"


def then(*words: object, why: str, config: Path | None = None) -> None:
    """Name the next useful command."""
    say(f"\nNext: {typed(*words, config=config)}    {why}")


def track(items: Sequence[T], description: str) -> Iterable[T]:
    """Go through items and show how far one is, on a terminal as a bar that goes away."""
    from rich.console import Console
    from rich.progress import track as bar

    console = Console(stderr=True)
    if console.is_terminal:
        return bar(items, description, console=console, transient=True)
    say(f"{description}: {len(items)} steps")
    return items


def accounts(rows: Sequence[Mapping[str, Any]]) -> str:
    """List accounts with their risk and the dimensions that tell it, one block each."""
    from serving import explain

    blocks = []
    for row in rows:
        told = [
            f"        {explain.signed_points(entry['points']):>6}  "
            f"{explain.dimension_label(entry['dimension'])}: {entry['drivers'][0]['sentence']}"
            for entry in explain.in_short(row)
        ]
        head = (
            f"{explain.percent(row['churn_probability']):>5}  {row['name'] or row['account_id']}"
            f" ({row['account_id']}), range {explain.percent(row['probability_low'])}"
            f" to {explain.percent(row['probability_high'])}, health {explain.health(row)},"
            f" renewal {explain.renewal(row)},"
            f" ARR at risk {explain.money(row['arr_at_risk'])} of {explain.money(row['arr'])}"
        )
        blocks.append("\n".join([head, *told]))
    return "\n".join(blocks)
