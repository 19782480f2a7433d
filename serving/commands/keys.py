"""`tenure keys`: who may ask the service."""

from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from serving.commands.options import Config
from serving.keys import Scope
from serving.terminal import say, then

app = typer.Typer(
    help="Make, list and revoke the API's keys.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

Name = Annotated[str, typer.Argument(help="The tool or person that uses it.")]


@app.command("add")
def add(
    name: Name,
    scope: Annotated[
        Scope,
        typer.Option(
            help="read: look at pages and lists. score: also ask for scores and predictions. "
            "admin: also /metrics."
        ),
    ] = "read",
    config: Config = None,
) -> None:
    """Make a key and print it. It is shown this once; only its hash is kept."""
    from serving import keys

    print(keys.add(_file(config), name, scope))
    say(f"Key {name!r} may {scope}. Keep it safe: it cannot be shown again.")
    then("serve", why="answers whoever sends it: `Authorization: Bearer KEY`", config=config)


@app.command("list")
def show(config: Config = None) -> None:
    """List the keys, without the keys themselves."""
    from serving import keys

    file = _file(config)
    known = keys.load(file)
    for key in known:
        made = f"{datetime.fromisoformat(key.created_at):%Y-%m-%d}"
        ended = f"{datetime.fromisoformat(key.revoked_at):%Y-%m-%d}" if key.revoked_at else ""
        state = f"revoked {ended}" if ended else "valid"
        print(f"{key.name:<24} {key.scope:<6} made {made}  {state}")
    if not known:
        say(f"There are no keys in {file}.")
        then("keys", "add", "NAME", "--scope", "read", why="make one", config=config)


@app.command("revoke")
def revoke(name: Name, config: Config = None) -> None:
    """End a key; a running service refuses it within a second."""
    from serving import keys

    keys.revoke(_file(config), name)
    say(f"Key {name!r} is revoked.")


def _file(config: Path | None) -> Path:
    from features import settings

    return Path(settings.load(config).serving.keys)
