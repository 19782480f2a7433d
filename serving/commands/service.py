"""Bring it to people: serve, demo."""

from pathlib import Path
from typing import Annotated

import typer

from serving.commands.options import Config, Day, Port, Source
from serving.terminal import say


def serve(
    source: Source = None,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Port = 3000,
    workers: Annotated[
        int | None,
        typer.Option(
            min=1, max=64, help="Processes that answer; by default one.", show_default=False
        ),
    ] = None,
    as_of: Day = None,
    config: Config = None,
) -> None:
    """Answer programs and people: API and pages. Other machines need keys: `tenure keys add`."""
    from serving.server import Server

    day = as_of.date() if as_of else None
    raise typer.Exit(Server(source, host, port, config, day, workers).run())


def bento(
    version: Annotated[str, typer.Argument(help="Version number or champion.")] = "champion",
    config: Config = None,
) -> None:
    """Build a bento: the service with a version frozen inside, to be run or made an image of."""
    from serving.bento import build

    tag = build(version, config)
    print(tag)
    say(f"\nNext: TENURE_SOURCE=SOURCE bentoml serve {tag} --host 127.0.0.1    serve it")


def demo(
    serve: Annotated[
        bool, typer.Option("--serve/--no-serve", help="End with a served page.")
    ] = True,
    accounts: Annotated[int, typer.Option(min=300, help="Number of customers.")] = 1500,
    months: Annotated[int, typer.Option(min=18, help="Length of the history.")] = 30,
    seed: Annotated[int, typer.Option(min=0)] = 0,
    port: Port = 3000,
) -> None:
    """All of it on a simulated company, with a page at the end; everything stays under ./demo."""
    from serving.demo import Demo

    raise typer.Exit(Demo(Path("demo"), accounts, months, seed).run(port if serve else None))
