"""The ./run script where it must not install anything: usage, wrong words, missing Python."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SCRIPTS = [ROOT / "run", ROOT / ".ci" / "run"]


def run(*words: str, path: str = os.environ["PATH"], script: Path = ROOT / "run", **options: Path):
    return subprocess.run(
        ["/bin/sh", str(script), *words],
        env={"PATH": path},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=30,
        **options,
    )


@pytest.fixture
def bare(tmp_path):
    """A clone without .venv, in a folder with a space, and a PATH without Python and uv."""
    clone = tmp_path / "a clone"
    clone.mkdir()
    for name in ("run", "uv.lock", "pyproject.toml"):
        shutil.copy(ROOT / name, clone)
    commands = tmp_path / "bin"
    commands.mkdir()
    for name in ("cat", "cksum", "dirname", "id", "readlink", "rm"):
        found = shutil.which(name)
        assert found
        (commands / name).symlink_to(found)
    return clone / "run", commands


def command(folder: Path, name: str, script: str) -> None:
    (folder / name).write_text(f"#!/bin/sh\n{script}\n")
    (folder / name).chmod(0o755)


@pytest.mark.parametrize("script", SCRIPTS, ids=["run", "ci"])
def test_scripts_are_executable_posix_shell(script):
    assert os.access(script, os.X_OK)
    assert script.read_text().startswith("#!/bin/sh\n")
    subprocess.run(["/bin/sh", "-n", str(script)], check=True)


@pytest.mark.skipif(not shutil.which("shellcheck"), reason="shellcheck is not installed")
@pytest.mark.parametrize("script", SCRIPTS, ids=["run", "ci"])
def test_shellcheck_finds_nothing(script):
    done = subprocess.run(["shellcheck", str(script)], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("words", [[], ["help"], ["--help"]])
def test_help_goes_to_stdout(words):
    done = run(*words)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("usage: ./run demo")


def test_unknown_word_is_wrong_use():
    done = run("check", "data")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("usage: ./run demo")
    assert done.stderr.endswith(
        "run: there is no 'check'. For Tenure's own commands: ./run tenure check\n"
    )


def test_no_python_is_one_line_with_the_remedy(bare):
    script, commands = bare
    done = run("setup", script=script, path=str(commands))
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert "needs Python 3.11, 3.12 or 3.13 on PATH, and there is no python3" in line
    assert "apt-get install -y python3 python3-venv" in line


def test_old_python_is_named(bare):
    script, commands = bare
    command(commands, "python3", '[ "$1" = -c ] || echo Python 3.9.2')
    done = run("setup", script=script, path=str(commands))
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert "and there is Python 3.9.2." in line


def test_python_without_venv_and_pip_is_one_line_with_the_remedy(bare):
    script, commands = bare
    command(commands, "python3", '[ "$2" != "${2#*version_info}" ] && echo /nowhere/python3')
    done = run("setup", script=script, path=str(commands))
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert "has neither" in line
    assert "apt-get install -y python3-venv" in line


def test_finds_its_folder_from_elsewhere_and_through_a_link(bare, tmp_path):
    script, commands = bare
    link = tmp_path / "tenure-run"
    link.symlink_to(script)
    done = run("setup", script=link, path=str(commands), cwd=tmp_path)
    assert "needs Python" in done.stderr
