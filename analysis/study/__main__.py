"""Command `python -m analysis.study`: the table of the study's runs, and what they show of the paper's claims."""

from pathlib import Path
from typing import Any

import pandas as pd

from analysis.study.comparisons import compare, comparisons_table, verdicts
from analysis.study.findings import headline
from analysis.study.recordings import recordings_finding, recordings_runs
from analysis.study.results import FOLDER, HOW, load
from analysis.study.tables import markdown as as_markdown
from analysis.study.tables import rows_table, runs_table
from gte import cli
from gte.errors import GteError


def main(folder: Path = FOLDER, *, json: bool = False, markdown: bool = False) -> None:
    """Print what the networks of the study reach on the test clips, what they cost, and what that shows.

    Args:
        folder: Folder with the results.json of the study.
        json: Print JSON: an object with a list of runs, those on real recordings last, and one of comparisons.
        markdown: Print the table of networks in Markdown.
    """
    if json and markdown:
        raise ValueError("Choose one form of output; got both --json and --markdown.")
    study = load(folder)
    if study is None:
        raise GteError(HOW)
    runs = runs_table(study)
    rows, comparisons = rows_table(runs), compare(study)
    if json:
        # As objects, so that counts stay whole numbers where the recordings have none.
        both = pd.concat([runs.astype(object), recordings_runs().astype(object)], ignore_index=True)
        cli.print_json({"runs": _plain(both), "comparisons": _plain(comparisons_table(comparisons))})
    elif markdown:
        print(as_markdown(rows))
        if study.progress:
            print(f"\n{study.progress}")
    else:
        print(
            "\n\n".join(
                filter(
                    None, [headline(rows, comparisons), *verdicts(comparisons), recordings_finding(), study.progress]
                )
            )
        )


def _plain(table: pd.DataFrame) -> list[dict[str, Any]]:
    return [
        {str(name): None if pd.isna(value) else value for name, value in row.items()}
        for row in table.astype(object).to_dict("records")
    ]


if __name__ == "__main__":
    cli.run_command(main, prog="python -m analysis.study")
