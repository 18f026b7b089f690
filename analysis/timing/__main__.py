"""Command `python -m analysis.timing`: speed of the networks on this machine."""

import pandas as pd
from tqdm import tqdm

from analysis import columns
from analysis.complexity.counting import conv_linear_macs
from analysis.timing.plan import DEFAULT_ROUNDS, Plan, as_plain, cores, rounded_time, run, seconds_expected
from analysis.timing.table import finding, table, what_was_measured
from gte import cli
from gte.models import COMPARED, ClipShape, parse_model_names


def main(
    *,
    models: tuple[str, ...] = COMPARED,
    depth: int = 50,
    frames: int = 8,
    size: int = 224,
    num_classes: int = 174,
    temporal_share: float = 1 / 4,
    base_width: int = 64,
    rounds: int = DEFAULT_ROUNDS,
    batch: int = 1,
    threads: int | None = None,
    fused: bool = False,
    no_memory: bool = False,
    json: bool = False,
    csv: bool = False,
) -> None:
    """Time the networks in turns on this machine, and measure the memory of a training step of each.

    Args:
        models: The networks, by name, or all; when not given, the five that the paper's tables compare.
        depth: Layers of the ResNets: 26, 50 or 101.
        frames: Frames of the clip.
        size: Height and width of the clip, in pixels.
        num_classes: Classes of the last layer.
        temporal_share: Share of output channels that the temporal path computes, in networks that have one.
        base_width: Channels in the middle of the first stage's bottlenecks.
        rounds: Runs of each network; the median and the quartiles are printed.
        batch: Clips in one pass.
        threads: Processor cores used at once; by default all.
        fused: Fold BatchNorm into the convolutions (gte.models.fuse).
        no_memory: Leave the memory of training steps out.
        json: Print an object with every second of every round.
        csv: Print comma-separated values.
    """
    if json and csv:
        raise ValueError("Choose one form of output; got both --json and --csv.")
    names = parse_model_names(models)
    options = {"depth": depth, "base_width": base_width, "num_classes": num_classes, "temporal_share": temporal_share}
    plan = Plan(
        names=names,
        options=tuple(options.items()),
        clip=ClipShape(frames, size, size),
        rounds=rounds,
        batch=batch,
        threads=cores() if threads is None else threads,
        fused=fused,
        memory=not no_memory,
    )
    macs = conv_linear_macs(names, options, plan.clip)
    cli.say(f"About {rounded_time(seconds_expected(plan, macs))}; other programs add noise.")
    with tqdm(total=1.0, leave=False, disable=None, bar_format="{percentage:3.0f}% {desc}") as bar:

        def report(part: float, text: str) -> None:
            bar.update(part - bar.n)
            bar.set_description_str(text)

        measurement = run(plan, report)
    rows = table(measurement, macs)
    if json:
        cli.print_json(as_plain(measurement) | {"macs": macs})
    elif csv:
        print(columns.to_csv(rows), end="")
    else:
        print(what_was_measured(measurement))
        width = max(len(label) for label in rows["label"]) + 3
        for row in rows.to_dict("records"):
            print(f"{row['label']:<{width}}{_line(row)}")
        print(finding(measurement, macs))


def _line(row: dict) -> str:
    if pd.isna(row["milliseconds"]):
        return str(row["note"])
    memory = "" if pd.isna(row["training_megabytes"]) else f", {row['training_megabytes']:.0f} MB in a training step"
    counted = "" if pd.isna(row["mac_ratio"]) else f" for {row['mac_ratio']:.3f} of the MACs"
    native = f"; at its native clip {row['clip']}" if row["at_native"] else ""
    return (
        f"{row['milliseconds']:>8.1f} ms ({row['low']:.1f} to {row['high']:.1f}), "
        f"{row['time_ratio']:.2f} of the time{counted}{memory}{native} {row['note']}"
    ).rstrip()


if __name__ == "__main__":
    cli.run_command(main, prog="python -m analysis.timing")
