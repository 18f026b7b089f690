"""Command `python -m analysis.complexity`: cost of networks, by layer, Table 1, cost against t, printed figures."""

import math
from collections.abc import Sequence
from fractions import Fraction
from typing import Any, Literal

import pandas as pd

from analysis import columns
from analysis.complexity.accuracy import ACCURACY_NOTE, accuracy_against_cost, datasets
from analysis.complexity.counting import Complexity, Uncountable, count_each, per_video
from analysis.complexity.formulas import Numbers, formula_table, formulas_finding, gte_explanation
from analysis.complexity.published import check_finding, paper_check
from analysis.complexity.store import stored
from analysis.complexity.sweep import reported_range, sweep, sweep_finding, why_not_compared
from analysis.complexity.tables import as_plain, layer_table, parts, parts_finding, table
from analysis.formatting import large_count, percent
from gte import cli
from gte.models import COMPARED, MODELS, ClipShape, parse_model_names

Show = Literal["counts", "where", "layers", "formulas", "sweep", "check", "accuracy"]

LAYERS = "Input and output of every layer, as frames x height x width, and its share of its network's MACs."

OF_NETWORKS = ("counts", "where", "layers")
"""Parts for which the networks are counted."""


def main(
    *,
    models: tuple[str, ...] = COMPARED,
    show: tuple[Show, ...] = ("counts",),
    depth: int = 50,
    frames: int = 8,
    size: int = 224,
    num_classes: int = 174,
    temporal_share: float = 1 / 4,
    base_width: int = 64,
    views: int = 1,
    no_head: bool = False,
    channels: tuple[int, int] = (256, 256),
    kernel: int = 3,
    taps: int = 3,
    json: bool = False,
    csv: bool = False,
    markdown: bool = False,
) -> None:
    """Count parameters and multiply-accumulates (MACs) of the networks for one clip.

    A network that cannot take so small a clip is counted at its native one; its row says so. Counts are kept in the
    user's cache folder, or in the folder that GTE_CACHE names.

    Args:
        models: The networks to count, by name, or all; when not given, the five that the paper's tables compare.
        show: counts: a row for each network; where: stages and kinds of operators of each; layers: every layer of
            their blocks; formulas: Table 1 and operators as built; sweep: GST and GTE over t; check: printed figures
            and ours; accuracy: reported accuracies and the cost of the networks.
        depth: Layers of the ResNets: 26, 50 or 101.
        frames: Frames of the clip.
        size: Height and width of the clip, in pixels.
        num_classes: Classes of the last layer.
        temporal_share: Share of output channels that the temporal path computes, in networks that have one.
        base_width: Channels in the middle of the first stage's bottlenecks.
        views: Clips times crops of one video; they multiply the MACs.
        no_head: Leave the classifier out.
        channels: C_i and C_o of the formulas.
        kernel: k of the formulas, rows and columns of a kernel.
        taps: k_T of the formulas, frames of a kernel.
        json: Print JSON: a list of objects, or one list for each part where several are shown.
        csv: Print comma-separated values.
        markdown: Print tables in Markdown.
    """
    forms = [f"--{name}" for name, chosen in {"json": json, "csv": csv, "markdown": markdown}.items() if chosen]
    if len(forms) > 1:
        raise ValueError(f"Choose one form of output; got both {' and '.join(forms)}.")
    if csv and len(show) > 1:
        raise ValueError(f"--csv prints one table; got --show {' '.join(show)}. Choose one at a time.")
    names = parse_model_names(models)
    if not math.isfinite(temporal_share):
        raise ValueError(f"--temporal-share must be a finite number, such as 0.25; got {temporal_share}.")
    options = {"depth": depth, "base_width": base_width, "num_classes": num_classes, "temporal_share": temporal_share}
    clip = ClipShape(frames, size, size)
    plain = not forms
    counts = _counted(names, options, clip, views, not no_head, live=plain and "counts" in show) if _needs(show) else []
    results: dict[str, list[dict[str, Any]]] = {}
    for part in show:
        if part == "counts":
            frame, words = table(counts), ""
            results[part] = [as_plain(item) for item in counts]
            if plain:
                continue
        else:
            numbers = None
            if part == "formulas":
                share = Fraction(temporal_share).limit_denominator(1024)
                numbers = Numbers(
                    in_channels=channels[0], out_channels=channels[1], kernel=kernel, taps=taps, share=share
                )
            frame, words = _part(part, counts, options, clip, numbers, views, not no_head)
            results[part] = _plain_rows(frame)
        if csv:
            print(columns.to_csv(frame), end="")
        elif markdown:
            print("".join(f"{line}\n" for line in (words and [words, ""]) or []) + _markdown(frame), end="\n\n")
        elif plain:
            rows = "" if frame.empty else f"\n\n{_readable(frame).to_string(index=False)}"
            print(f"\n{words}{rows}".lstrip("\n"))
    if json:
        cli.print_json(results[show[0]] if len(show) == 1 else results)


def _needs(show: Sequence[Show]) -> bool:
    return any(part in OF_NETWORKS for part in show)


def _counted(
    names: Sequence[str],
    options: dict[str, int | float],
    clip: ClipShape,
    views: int,
    with_head: bool,
    live: bool,
) -> list[Complexity | Uncountable]:
    """Count the networks; `live` prints each when it is ready. Raises ValueError if there is none."""
    label_width = max(len(MODELS[name].label) for name in names) + 3
    counts: list[Complexity | Uncountable] = []
    for item in count_each(names, options, clip, stored):
        if isinstance(item, Complexity):
            item = per_video(item, views=views, with_head=with_head)
            if live:
                print(f"{item.label:<{label_width}}{_line(item)}", flush=True)
        counts.append(item)
    refused = [item for item in counts if isinstance(item, Uncountable)]
    if len(refused) == len(counts):
        raise ValueError(refused[0].reason)
    if live:
        print("".join(f"{item.label:<{label_width}}{item.reason}\n" for item in refused), end="")
    return counts


def _part(
    part: Show,
    counts: Sequence[Complexity | Uncountable],
    options: dict[str, int | float],
    clip: ClipShape,
    numbers: Numbers | None,
    views: int,
    with_head: bool,
) -> tuple[pd.DataFrame, str]:
    """Return the table of a part and its sentence."""
    if part == "where":
        counted = [item for item in counts if isinstance(item, Complexity)]
        frames = [parts(item).assign(network=item.name) for item in counted]
        frame = pd.concat(frames).reindex(columns=["network", "part", "kind", "params", "macs", "share"])
        return frame, "\n".join(map(parts_finding, counted))
    if part == "layers":
        return pd.concat([layer_table(item) for item in counts if isinstance(item, Complexity)]), LAYERS
    if part == "formulas":
        assert numbers is not None
        frame = formula_table(numbers)
        return frame, f"{formulas_finding(frame)} {gte_explanation(numbers)}"
    if part == "sweep":
        frame = sweep(options, clip, views=views, with_head=with_head)
        reported = reported_range(options, with_head)
        return frame, sweep_finding(frame, reported, why_not_compared(options, with_head))
    if part == "check":
        frame = paper_check()
        return frame, check_finding(frame)
    return pd.concat([accuracy_against_cost(dataset) for dataset in datasets()]), ACCURACY_NOTE


def _plain_rows(frame: pd.DataFrame) -> list[dict[str, Any]]:
    return [
        {str(name): None if pd.isna(value) else value for name, value in row.items()}
        for row in frame.astype(object).to_dict("records")
    ]


COUNTS = (
    "params",
    "macs",
    "reported",
    "counted",
    "params_counted",
    "macs_counted",
    "macs_conv_linear",
    "macs_temporal",
)
SHARES = ("share", "difference")
LEFT_OUT = ("note", "source", "reported", "worked", "views", "with_head")
"""Columns left out of tables for people: notes are too long; views and classifier are the same in all rows."""


def _readable(frame: pd.DataFrame) -> pd.DataFrame:
    """Write counts and shares as people read them, without the columns of `LEFT_OUT`."""
    shown = frame.drop(columns=[name for name in LEFT_OUT if name in frame.columns])
    for name in shown.columns:
        if name in COUNTS:
            shown[name] = ["" if pd.isna(value) else large_count(int(value)) for value in shown[name]]
        elif name in SHARES and "value" not in shown.columns and "t" not in shown.columns:
            shown[name] = [percent(float(value)) for value in shown[name]]
    return shown


def _markdown(frame: pd.DataFrame) -> str:
    """Write the table in Markdown, with every column and its numbers in full."""
    rows = [list(map(str, frame.columns)), ["---"] * len(frame.columns)]
    rows += [
        ["" if pd.isna(value) else str(value).replace("|", "\\|") for value in row]
        for row in frame.astype(object).itertuples(index=False)
    ]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def _line(item: Complexity) -> str:
    check = "torch agrees" if item.agrees else f"torch counts {large_count(item.macs_torch)}"
    macs = item.macs_conv_linear
    return (
        f"{large_count(item.params):>10} parameters {large_count(macs):>10} MACs ({large_count(2 * macs)} FLOPs) in "
        f"convolutions and linear layers (temporal {large_count(item.macs_temporal)}), "
        f"{large_count(item.macs)} in total; {check}"
        + (f"; in {item.views} views" if item.views > 1 else "")
        + ("" if item.with_head else "; without the classifier")
        + (f"; counted at its native clip {item.clip}" if item.at_native else "")
        + (f". {item.note}" if item.note else "")
    )


if __name__ == "__main__":
    cli.run_command(main, prog="python -m analysis.complexity")
