"""Command `python -m analysis.kernels CKPT`: directions and drift of the temporal kernels of each layer."""

import math
from pathlib import Path
from typing import Any

from analysis.formatting import DIRECTIONS, percent, three_digits
from analysis.kernels.summary import at_the_end, drift_finding, summarise
from gte import checkpoint, cli


def main(ckpt: Path, json: bool = False) -> None:
    """Print, per layer, the directions of the output channels of its temporal kernels and their drift.

    Kernels that also span space are summed over it. Unknown values are "unknown", in JSON null.

    Args:
        ckpt: A .safetensors file written by gte.train or gte.convert.
        json: Print a list of objects on standard output.
    """
    summary = at_the_end(summarise(checkpoint.load_histories(ckpt)))
    rows = [{str(name): value for name, value in row.items()} for row in summary.to_dict("records")]
    if json:
        cli.print_json(rows)
        return
    if rows:
        print(_as_text(rows))
    cli.say(drift_finding(summary))


def _as_text(rows: list[dict[str, Any]]) -> str:
    width = max(12, 2 + max(len(row["block"]) for row in rows))
    titles = f"{'channels':>9}{'looks back':>20}{'now':>16}{'looks ahead':>20}{'drift':>10}{'cosine':>9}"
    lines = [f"{'layer':<{width}}{titles}"]
    for row in rows:
        unknown = math.isnan(row["back0"])
        shares = [
            percent(row[name]) if unknown else f"{percent(row[f'{name}0'])} → {percent(row[name])}"
            for name in DIRECTIONS
        ]
        drift, cosine = ("unknown" if unknown else three_digits(row[name]) for name in ("drift", "cosine"))
        lines.append(
            f"{row['block']:<{width}}{row['outputs']:>9}{shares[0]:>20}{shares[1]:>16}{shares[2]:>20}"
            f"{drift:>10}{cosine:>9}"
        )
    return "\n".join(lines)


if __name__ == "__main__":
    cli.run_command(main, prog="python -m analysis.kernels")
