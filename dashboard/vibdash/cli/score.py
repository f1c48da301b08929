"""The commands `vibdash score` and `vibdash import-features`."""

from __future__ import annotations

import csv
import datetime as dt
import sys
from pathlib import Path
from typing import Annotated

import typer

from vibdash.cli.options import DEFAULT_DATABASE, DatabaseUrl

Models = Annotated[
    list[str],
    typer.Option(
        "--model", metavar="[NAME=]PACKAGE", help="A model package; may be given again.", show_default=False
    ),
]


def score(
    question: Annotated[
        str, typer.Argument(help="SQL over feature_vectors, alert, occurrence, device, machine.")
    ],
    model: Models,
    db: DatabaseUrl = DEFAULT_DATABASE,
) -> None:
    """Ask what other models say of stored feature vectors; the answer is CSV.

    SQL functions: vib_score(NAME, features [, baseline]), vib_class, vib_outside(NAME, features), vib_warning(NAME),
    vib_alarm(NAME), and the aggregate vib_baseline(features). For example:

    select device, time, vib_score('b', features) as score from feature_vectors
    where vib_score('b', features) >= vib_warning('b')
    """
    from vibdash.read.rescoring import ScoringModel, ask

    names, rows = ask(db, [ScoringModel.from_package(one) for one in model], question)
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(names)
    writer.writerows(rows)


def import_features_command(
    file: Annotated[
        Path, typer.Argument(help="A .parquet file, or a trace that the firmware wrote (--trace).")
    ],
    db: DatabaseUrl = DEFAULT_DATABASE,
    model: Annotated[
        str | None, typer.Option(metavar="PACKAGE", help="Of a trace: the model it ran with.")
    ] = None,
    site: Annotated[str, typer.Option(help="Of a trace.")] = "imported",
    device: Annotated[str | None, typer.Option(help="Of a trace.  [default: the file's name]")] = None,
    boot: Annotated[int, typer.Option(min=0, max=2**32 - 1, help="Of a trace.")] = 0,
    start: Annotated[
        dt.datetime | None, typer.Option(help="Of a trace: when it began, UTC.  [default: 1970]")
    ] = None,
) -> None:
    """Take feature vectors into the database, to be asked about with vibdash score."""
    from vibdash.database.opening import open_database
    from vibdash.read.feature_import import ImportFailure, import_features, rows_of_parquet, rows_of_trace
    from vibdash.read.rescoring import ScoringModel

    if file.suffix == ".parquet":
        rows = rows_of_parquet(file)
    elif model is None:
        raise ImportFailure(
            f"{file}: a trace tells nothing of its model; accepted: one with --model, or a .parquet file"
        )
    else:
        start_s = int(start.replace(tzinfo=dt.UTC).timestamp()) if start else 0
        read = ScoringModel.from_package(model)
        rows = rows_of_trace(file, read, site=site, device=device or file.stem, boot=boot, start_s=start_s)
    count, new = import_features(open_database(db), rows)
    print(f"{count} vectors read, {new} of them new")
