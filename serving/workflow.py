"""The work behind the commands, without their words: from a source to a report, a model, scores."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from features import build, catalog, check, fingerprint, observations, settings, source
from features.check.report import Report, counted
from features.errors import TenureError
from features.metric import Language
from features.settings import Settings
from serving import report, score, weights
from serving.change import Earlier

if TYPE_CHECKING:
    from training.pipeline import Trained
    from training.progress import Track
    from training.tracking import ModelInfo, Origin


@dataclass(frozen=True)
class Workplace:
    """A connected source and how it is to be read."""

    source: source.Source
    settings: Settings

    @classmethod
    def open(cls, url: str | None, config: Path | None) -> "Workplace":
        """Read the settings and connect, by default to the source that the settings name."""
        chosen = settings.load(config)
        named = url or chosen.source_url
        if named is None:
            raise TenureError(
                "No source is named.",
                "Give a folder, a .duckdb file or an address as SOURCE, or set [source] url in "
                "tenure.toml.",
            )
        catalog.metrics(chosen)  # a fault in own metrics is told before any work
        return cls(source.connect(named, chosen), chosen)

    def with_trials(self, trials: int | None) -> "Workplace":
        """The same place, but a search of so many trials, if any number is given."""
        if trials is None:
            return self
        training = replace(self.settings.training, trials=trials)
        return replace(self, settings=replace(self.settings, training=training))

    @classmethod
    def open_sound(cls, url: str | None, config: Path | None) -> "Workplace":
        """Open a source, but refuse one with errors: nothing is built on broken data."""
        place = cls.open(url, config)
        errors = place.check().errors
        if errors:
            raise TenureError(
                "\n".join(fault.to_text() for fault in errors),
                f"The source has {counted(len(errors), 'error')}, so nothing was done. "
                f"`tenure check {place.source.url}` tells them with all warnings.",
            )
        return place

    def check(self) -> Report:
        """Look at everything and report all faults."""
        return check.check(self.source, self.settings, datetime.now(UTC).date())

    def train(self, track: "Track") -> tuple["Trained", int | None]:
        """Learn, keep the run, and register the model if it has skill."""
        from training import key_features, pipeline, tracking

        metrics = catalog.metrics(self.settings)
        origin = self.origin()
        found = key_features.find(self.source, self.settings)
        settings = self._knowing(found.names)
        table = build.training_table(self.source, settings)
        trained = pipeline.train(table, settings, metrics, track, tracking.searches())
        trained = replace(trained, summary={**trained.summary, "key_features": asdict(found)})
        of_health = trained.summary["health_score"]
        health = weights.of_learned(trained.health.score, of_health, metrics)
        documents = report.documents(trained.backtest, trained.summary, asdict(settings), health)
        return trained, tracking.log(trained, settings, metrics, origin, documents)

    def health_alone(self) -> dict[str, Any]:
        """Learn the health score without a model; told as `serving.weights.told` tells one."""
        from training import pipeline

        metrics = catalog.metrics(self.settings)
        table = build.training_table(self.source, self.settings)
        health, summary = pipeline.health_alone(table, self.settings, metrics)
        return weights.of_learned(health.score, summary, metrics)

    def settings_of(self, info: "ModelInfo") -> Settings:
        """The settings by which a version's features are built: with the key features it knows."""
        return self._knowing(info.settings["metrics"]["key_features"])

    def with_key_features(self) -> tuple["Workplace", str]:
        """The same place with the key features that the champion's scores go by, and their names.

        Those in tenure.toml come first: whoever writes them there wants to see them counted.
        """
        from training import tracking

        given = self.settings.metrics.key_features
        if given is not None:
            return self, f"Key features, from tenure.toml: {', '.join(given) or 'none'}."
        try:
            info = tracking.info()
        except tracking.NoChampionError:
            return self, (
                "Key features: none, as tenure.toml names none and no champion has learned any."
            )
        place = replace(self, settings=self.settings_of(info))
        names = ", ".join(place.settings.metrics.key_features or ()) or "none"
        return place, f"Key features, as the champion (version {info.version}) knows them: {names}."

    def _knowing(self, key_features: Sequence[str] | None) -> Settings:
        """The settings with the key features that a model goes by, whatever tenure.toml says."""
        known = None if key_features is None else tuple(key_features)
        return replace(self.settings, metrics=replace(self.settings.metrics, key_features=known))

    def origin(self) -> "Origin":
        """What a model learned now would be made from: the data, and the settings that matter."""
        from training.tracking import Origin

        told = asdict(self.settings)
        matter = {name: told[name] for name in told if name not in ("source_url", "serving")}
        own = self.settings.metrics.file  # when a value is stale, no model is told
        matter["metrics"] = [
            Path(own).read_text(encoding="utf-8") if own else None,
            self.settings.metrics.key_features,
        ]
        tables = fingerprint.of(self.source)
        return Origin(fingerprint.digest(tables, settings=matter), tables)

    def score(
        self,
        as_of: date | None = None,
        version: str = "champion",
        language: Language = "en",
        told: Sequence[Mapping[str, Any]] | None = None,
    ) -> tuple[pd.DataFrame, "ModelInfo"]:
        """Score everybody, by default by the champion on the day after the source's last.

        Parameters
        ----------
        as_of, version, language
        told : sequence of mapping, optional
            Rows of an earlier score table (`score_files.read`), against which changes are told; by
            default, what the same model says of the as_of before.
        """
        from training import tracking

        model, info = tracking.load(version)
        health = tracking.load_health(info.version)
        day = as_of or observations.scoring_day(self.source, self.settings)
        settings = self.settings_of(info)
        table = score.score_table(
            self.source,
            settings,
            model,
            health,
            str(info.version),
            day,
            language,
            self._earlier(told, info.version, settings) if told else None,
            tracking.load_outlook(info.version),
        )
        return table, info

    def _earlier(
        self, told: Sequence[Mapping[str, Any]], version: int, settings: Settings
    ) -> Earlier:
        """What an earlier table told, with the features, model and health that it was made of."""
        from training import tracking

        day, then = told[0]["as_of"], str(told[0]["model_version"])
        features = build.feature_table(self.source, settings, [date.fromisoformat(day)])
        if then == str(version):
            return Earlier(features, told=pd.DataFrame(told))
        health = tracking.load_health(then).score
        return Earlier(features, tracking.load(then)[0], pd.DataFrame(told), health)


def no_skill(place: Workplace, verdict: str) -> TenureError:
    """Why a model was not registered."""
    return TenureError(
        f"No model was registered. {verdict}",
        f"`tenure check {place.source.url}` tells which signals are missing. "
        "The run is kept with its figures. Until there is more to learn from, "
        f"`tenure weights --source {place.source.url}` offers a health score.",
    )


def model_facts(info: "ModelInfo", table: pd.DataFrame) -> Mapping[str, Any]:
    """What people are told of the model that made a score table; see `serving.api.Model`."""
    window = info.settings["observations"]
    return {
        "version": str(info.version),
        "as_of": f"{table['as_of'].iloc[0]:%Y-%m-%d}",
        "accounts": len(table),
        "lead_days": window["lead_days"],
        "horizon_days": window["horizon_days"],
        "evaluation": info.summary,
    }
