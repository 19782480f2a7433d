"""The demo: all of Tenure on a simulated company, step by step, in a folder of its own."""

import json
import os
import shlex
import shutil
from dataclasses import dataclass
from pathlib import Path

from features.errors import TenureError
from serving import score, score_files, terminal
from serving.server import Server
from serving.terminal import say
from serving.workflow import Workplace, no_skill

SHOWN = 8
"""Accounts in the list at the end."""


@dataclass(frozen=True)
class Demo:
    """A simulated company and everything that is made from it, under one folder.

    Parameters
    ----------
    folder : Path
        Holds the tables, the models and the scores; a second run finds them there.
    accounts, months, seed : int
        See `features.simulate`.
    """

    folder: Path
    accounts: int
    months: int
    seed: int

    def run(self, port: int | None) -> int:
        """Tell the whole story; ends with a served page where a port is given."""
        # a store of its own: the demo never touches the models of real customers
        store = self.folder.resolve() / "models" / "mlflow.db"
        os.environ["MLFLOW_TRACKING_URI"] = f"sqlite:///{store}"
        os.environ.pop("MLFLOW_REGISTRY_URI", None)
        self._claim()
        self._simulate()
        place = self._check()
        self._train(place)
        self._score(place)
        if port is None:
            terminal.then("demo", why="the same, ending with a page")
            return 0
        _step(6, "The page", "tenure serve: the same scores for people, and for programs at /v1.")
        return Server(None, "127.0.0.1", port, self.config).run()

    @property
    def company(self) -> Path:
        """The company's tables."""
        return self.folder / "company"

    @property
    def config(self) -> Path:
        """The demo's own settings."""
        return self.folder / "tenure.toml"

    def _claim(self) -> None:
        """Make the folder the demo's own; what was made with other settings goes."""
        marker = self.folder / "demo.json"
        wanted = {"accounts": self.accounts, "months": self.months, "seed": self.seed}
        if marker.exists() and json.loads(marker.read_text(encoding="utf-8")) == wanted:
            return
        if not marker.exists() and self.folder.exists() and any(self.folder.iterdir()):
            raise TenureError(
                f"The folder {self.folder.resolve()} is there and was not made by the demo.",
                "Rename it, or run the demo in another folder.",
            )
        for made in (self.company, self.folder / "models"):
            shutil.rmtree(made, ignore_errors=True)
        self.folder.mkdir(parents=True, exist_ok=True)
        # settings of its own too, whatever tenure.toml may lie here
        url = json.dumps(str(self.company.resolve()))
        self.config.write_text(f"[source]\nurl = {url}\n", encoding="utf-8")
        marker.write_text(json.dumps(wanted), encoding="utf-8")

    def _simulate(self) -> None:
        _step(
            1,
            "A company",
            f"tenure simulate: {self.accounts:,} customers over {self.months} months, with their "
            "contracts, users, usage,\nsurveys and the rest. Who leaves is drawn from what happens "
            "to them, and from luck.",
        )
        if self.company.exists():
            say(f"Already there: {self.company}")
            return
        from features import simulate

        aside = self.folder / "company.partial"
        shutil.rmtree(aside, ignore_errors=True)
        simulate.write(simulate.simulate(self.accounts, self.months, self.seed), aside)
        aside.rename(self.company)
        say(f"Written to {self.company}")

    def _check(self) -> Workplace:
        _step(2, "A look at its tables", "tenure check: what is there, what can be learned.")
        place = Workplace.open(None, self.config)
        say(place.check().to_text())
        return place

    def _train(self, place: Workplace) -> None:
        from training import evaluate, tracking

        _step(
            3,
            "Learning",
            "tenure train: each period is predicted from what came before it, and these figures "
            "are the ones to believe.\nThen a model learns from all periods.",
        )
        try:
            info = tracking.info()
        except tracking.NoChampionError:
            pass
        else:
            say(evaluate.to_text(info.summary))
            _step(4, "Promotion", f"Version {info.version} serves already.")
            return
        trained, version = place.train(terminal.track)
        say(evaluate.to_text(trained.summary))
        if version is None:
            raise no_skill(place, trained.summary["verdict"])
        _step(4, "Promotion", "tenure promote: a version may serve unless it is worse.")
        say(tracking.promote(version).reason)

    def _score(self, place: Workplace) -> None:
        _step(5, "Today's scores", "tenure score: everybody's risk, and what it comes from.")
        table, _ = place.score()
        out = self.folder / "scores.csv"
        score_files.write(table, out)
        say(f"{len(table):,} accounts: {out}\n\nThe {SHOWN} riskiest:\n")
        print(terminal.accounts(score.records(table.head(SHOWN))), flush=True)
        say(
            f"\nTo try the commands on it yourself:\n"
            f"  export MLFLOW_TRACKING_URI={shlex.quote(os.environ['MLFLOW_TRACKING_URI'])}\n"
            f"  {terminal.typed('explain', self.company, table['account_id'].iloc[0])}"
        )


def _step(number: int, title: str, why: str) -> None:
    say(f"\n{number}. {title}\n{why}\n")
