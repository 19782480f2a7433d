"""The health score as a page of its own: one file, nothing fetched from elsewhere."""

from pathlib import Path

from markupsafe import Markup

from serving import web
from serving.files import write_aside
from serving.weights import Told


def write(document: Told, path: Path) -> None:
    """Write the page of `serving.weights.told`, whole or not at all."""
    css = (web.HERE / "static" / "tenure.css").read_text(encoding="utf-8")
    environment = web.templates()
    html = environment.get_template("health_file.html").render(
        document=document,
        css=Markup(css),  # noqa: S704
    )

    def to_file(aside: Path) -> None:
        aside.write_text(html, encoding="utf-8")

    write_aside(path, to_file)
