"""What README and docs show can be typed."""

import re
from pathlib import Path

import pytest
from typer.main import get_command

from serving.cli import app

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
COMMANDS = get_command(app).commands


def shown(page):
    """Every `tenure` call in a page's shell blocks, as words."""
    blocks = re.findall(r"```sh\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)
    lines = [line.split("#")[0].split() for block in blocks for line in block.splitlines()]
    for words in lines:
        if "tenure" in words[:2]:
            yield words[words.index("tenure") + 1 :]
        elif words[:1] == ["./run"] and words[1] in COMMANDS:
            yield words[1:]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_commands_and_options_exist(page):
    for name, *words in shown(page):
        assert name in COMMANDS, f"{page.name} shows tenure {name}"
        command = COMMANDS[name]
        while words and words[0] in getattr(command, "commands", {}):
            command, words = command.commands[words[0]], words[1:]
        options = {flag for option in command.params for flag in option.opts}
        used = {word.split("=")[0] for word in words if word.startswith("-")}
        assert used <= options, f"{page.name}: tenure {name} has no {used - options}"


def test_the_readme_shows_the_main_commands():
    told = {name for name, *_ in shown(ROOT / "README.md")}
    assert {"demo", "check", "train", "promote", "score", "explain", "serve"} <= told


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page):
    for target in re.findall(r"\]\((?!https?://)([^)#]+)", page.read_text(encoding="utf-8")):
        assert (page.parent / target).exists(), f"{page.name} links to {target}"
