"""A bento: the service, its code and one version of the model in one folder, needing no store.

What stays outside is what belongs to the place where it runs: the source (``TENURE_SOURCE``), the
keys (``TENURE_KEYS``) and the audit log (``TENURE_AUDIT_LOG``).
"""

import os
import shutil
import subprocess
import sys
import tempfile
from importlib.metadata import requires
from pathlib import Path

from features import settings
from features.errors import TenureError
from training import tracking

ROOT = Path(__file__).parents[1]


def build(version: str, config: Path | None) -> str:
    """Build a bento of a version, and return its tag.

    Parameters
    ----------
    version : str
        "champion" or a number.
    config : Path, optional
        tenure.toml; goes into the bento, with the own metrics that it names.

    Raises
    ------
    TenureError
        If there is no such version, or BentoML cannot build.
    """
    with tempfile.TemporaryDirectory(prefix="tenure-bento-") as made:
        folder = Path(made)
        for package in ("features", "training", "serving"):
            shutil.copytree(
                ROOT / package, folder / package, ignore=shutil.ignore_patterns("__pycache__")
            )
        info = tracking.freeze(version, folder / "champion")
        _copy_settings(config, folder)
        (folder / "bentofile.yaml").write_text(_bentofile(info.version), encoding="utf-8")
        run = subprocess.run(  # noqa: S603
            [sys.executable, "-m", "bentoml", "build", "--output", "tag", str(folder)],
            cwd=folder,
            env={**os.environ, "BENTOML_DO_NOT_TRACK": "True", "PATH": _path()},
            capture_output=True,
            text=True,
        )
    if run.returncode:
        raise TenureError(
            f"BentoML could not build the bento: {run.stderr.strip()[-500:]}",
            "See that uv is installed, and that BENTOML_HOME may be written to and has room.",
        )
    return run.stdout.strip().rpartition("__tag__:")[2]


def _path() -> str:
    """Where BentoML looks for uv, which it needs: also where `./run` puts it."""
    own = [str(ROOT / ".uv" / "bin"), str(ROOT / ".uv" / "site-packages" / "bin")]
    return os.pathsep.join([os.environ.get("PATH", os.defpath), *own])


def _copy_settings(config: Path | None, folder: Path) -> None:
    file = config or Path(settings.FILE)
    if not file.exists():
        return
    shutil.copy(file, folder / "tenure.toml")
    if own := settings.load(file).metrics.file:
        inside = folder / Path(own).relative_to(file.parent)
        inside.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(own, inside)


def _bentofile(version: int) -> str:
    needed = [each for each in requires("tenure") or () if "extra ==" not in each]
    packages = "\n".join(f'    - "{each}"' for each in needed)
    return (
        'service: "serving.service:Tenure"\n'
        f'labels:\n  model_version: "{version}"\n'
        'include: ["**"]\n'
        f"python:\n  lock_packages: false\n  packages:\n{packages}\n"
    )
