"""The command line: which commands there are, and how a run ends."""

import os
import sys
import traceback

import typer

from features.errors import TenureError
from serving.commands import data, keys, models, scores, service, weights
from serving.terminal import say

app = typer.Typer(
    name="tenure",
    help="Predicts which B2B customers will leave, and says why.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
for command in (  # in the order of --help
    data.check,
    data.features,
    data.metrics,
    models.train,
    models.evaluate,
    models.promote,
    models.rollback,
    models.retrain,
    weights.weights,
    scores.score,
    scores.explain,
    service.serve,
    service.bento,
    data.simulate,
    service.demo,
):
    app.command()(command)
app.add_typer(keys.app, name="keys")


def main() -> None:
    """Run a command; what the data, the settings or the model forbid ends with exit code 1."""
    os.environ.setdefault("BENTOML_DO_NOT_TRACK", "True")
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    try:
        app()
    except TenureError as error:
        say(str(error))
        sys.exit(1)
    except Exception as error:
        if os.environ.get("TENURE_DEBUG"):
            traceback.print_exc()
        say(
            f"This is a defect in Tenure, not in your data: {type(error).__name__}: {error}\n"
            "  Run the command again with TENURE_DEBUG=1 to see where, and report it."
        )
        sys.exit(1)


if __name__ == "__main__":
    main()
