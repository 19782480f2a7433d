"""By which code and packages a model was made, for whoever wants to make it again."""

import hashlib
import shutil
import subprocess
from importlib.metadata import version
from pathlib import Path

ROOT = Path(__file__).parents[1]

LOCK = ROOT / "uv.lock"
"""Names every package to the digest. Runs keep a copy, as a digest alone installs nothing; where
the application was installed without its folder, there is none."""


def code() -> dict[str, str]:
    """Name the application's version, the commit it was run from and the lock file's digest.

    Returns
    -------
    dict
        `version`; `commit`, with "+changes" where files differ from it; `lock`, the SHA-256 of
        uv.lock. What cannot be told, as the commit in an image without a repository, is left out.
    """
    told = {"version": version("tenure")}
    if (ROOT / ".git").exists():
        commit = _git("rev-parse", "HEAD")
        changes = _git("status", "--porcelain", "--untracked-files=no")
        if commit:
            told["commit"] = commit + ("+changes" if changes else "")
    if LOCK.exists():
        told["lock"] = hashlib.sha256(LOCK.read_bytes()).hexdigest()
    return told


def _git(*words: str) -> str:
    """Ask git about this application's own folder; nothing where there is no git."""
    git = shutil.which("git")
    if git is None:
        return ""
    asked = subprocess.run(  # noqa: S603
        [git, "-C", str(ROOT), *words], capture_output=True, text=True, check=False
    )
    return asked.stdout.strip() if asked.returncode == 0 else ""
