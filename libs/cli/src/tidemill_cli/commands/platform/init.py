"""`tidemill init`: a project of one's own."""

from __future__ import annotations

import json
import os
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tidemill_cli.commands.data.reading_options import reading_options
from tidemill_cli.commands.models.new import model_of, push_command, sample_options, show_made
from tidemill_cli.json_option import Output, json_option
from tidemill_cli.platform_options import shown_errors

if TYPE_CHECKING:
    from tidemill_operations.modelling.new_model import NewModel
    from tidemill_operations.push.files.choices import Choices


@click.command()
@click.argument("name")
@click.option("--from", "source", type=click.Path(exists=True, dir_okay=False, path_type=Path), metavar="FILE",
              help="Events (CSV, JSONL, Parquet) with their labels: a first model is written from them.")  # fmt: skip
@sample_options
@click.option("--model", help="The model's name; without: the file's.")
@json_option
@reading_options
def init(name: str, source: Path | None, model: str | None, choices: Choices, said: Output, **asked: Any) -> None:
    """Begin a project of your own in the folder NAME: models/, schemas/, tidemill.yaml with every setting, README, a CI
    file, and the platform in containers (docker-compose.yml; docker-compose.tls.yml beside it by TLS).

    \b
    tidemill init shop --from orders.csv --label fraud
    cd shop && tidemill up
    tidemill push ../orders.csv --model orders --with-labels     in another terminal

    With --from, the model file and its record are written from the sample, as `tidemill models new` does: what cannot
    be told is asked for by the option that says it. Nothing is written before all is right, nor into a folder that is
    not empty.
    """
    from tidemill_operations.modelling.files.writing import as_dict, write_model
    from tidemill_operations.project.starting import begin, free_folder, write_readme

    if source is None and any(asked.values()):
        raise click.UsageError("--label, --entity, --event-id, --event-time and --task go with --from")
    with shown_errors():
        folder = free_folder(name)
        made = model_of(source, asked, model, choices, EDITORS_LINE) if source is not None else None
        files = begin(folder)
        written = write_model(made, folder / "models", folder / "schemas", force=False) if made is not None else []
        commands = _commands(folder, source, made)
        files.append(write_readme(folder, commands, _ask(made)) if made else write_readme(folder, commands))
    if made is not None:
        show_made(made, written, said)
    said.say(f"wrote {len(files)} files more to {folder}: its README.md says what each is")
    said.say("next:\n  " + "\n  ".join(commands))
    model_told = None if made is None else as_dict(made, written)
    said.tell({"folder": str(folder), "files": [str(path) for path in files], "model": model_told, "next": commands})


EDITORS_LINE = "# yaml-language-server: $schema=../schemas/model-file.schema.json"


def _commands(folder: Path, source: Path | None, made: NewModel | None) -> list[str]:
    first = f"cd {shlex.quote(str(folder))}"
    if made is None or source is None:
        return [first, "tidemill models new --from FILE --label COLUMN", "tidemill up"]
    from_there = Path(os.path.relpath(source.resolve(), folder.resolve()))
    return [first, "tidemill up", f"{push_command(made, from_there)}    # in another terminal, in {folder.name}/ too"]


def _ask(made: NewModel) -> str:
    body = json.dumps(made.example, ensure_ascii=False)
    url = f"localhost:8082/v1/models/{made.name}/predict"
    return f"curl -s {url} -H 'content-type: application/json' -d {shlex.quote(body)}"
