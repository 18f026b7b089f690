"""Command `python -m analysis.kernels CKPT`: what the output channels of each layer do, and their drift."""

import math
from pathlib import Path
from typing import Any

from analysis.formatting import KIND_WORDS, three_digits
from analysis.kernels.headline import count_of, headline_of
from analysis.kernels.moments import load_moments, stored_moments
from analysis.kernels.readings import Reading
from analysis.kernels.summary import at_the_end, summarise
from analysis.kernels.taps import KINDS
from gte import checkpoint, cli
from gte.checkpoint_header import read_header


def main(ckpt: Path, reading: Reading = "energy", json: bool = False) -> None:
    """Print, per layer, how many output channels of its temporal kernels are of each kind, and their drift.

    Kernels that also span space are summed over it. Unknown values are "unknown", in JSON null.

    Args:
        ckpt: A .safetensors file written by gte.train or gte.convert.
        reading: Taps by the energy over the input channels, by the own channel, by the sum over input channels, or
            weighted by the real inputs of a set of clips, which are measured where they are not stored.
        json: Print a list of objects on standard output.
    """
    histories = checkpoint.load_histories(ckpt)
    moments = load_moments(ckpt) if reading == "inputs" else stored_moments(ckpt, read_header(ckpt))
    summary = at_the_end(summarise(histories, reading, moments))
    rows = [{str(name): value for name, value in row.items()} for row in summary.to_dict("records")]
    if json:
        cli.print_json(rows)
        return
    if rows:
        print(_as_text(rows))
    cli.say(headline_of(histories, reading, moments=moments))


def _as_text(rows: list[dict[str, Any]]) -> str:
    width = max(12, 2 + max(len(row["block"]) for row in rows))
    titles = "".join(f"{KIND_WORDS[name]:>13}" for name in KINDS)
    lines = [f"{'layer':<{width}}{'channels':>9}{titles}{'changed':>9}{'drift':>9}{'cosine':>9}"]
    for row in rows:
        unknown = math.isnan(row["back0"])
        now = {name: count_of([row], name) for name in KINDS}
        counts = [f"{now[name]}" if unknown else f"{count_of([row], f'{name}0')} → {now[name]}" for name in KINDS]
        changed = "unknown" if unknown else f"{row['changed']:.0f}"
        drift, cosine = ("unknown" if unknown else three_digits(row[name]) for name in ("drift", "cosine"))
        lines.append(
            f"{row['block']:<{width}}{row['outputs']:>9}{''.join(f'{count:>13}' for count in counts)}"
            f"{changed:>9}{drift:>9}{cosine:>9}"
        )
    return "\n".join(lines)


if __name__ == "__main__":
    cli.run_command(main, prog="python -m analysis.kernels")
