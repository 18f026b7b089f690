"""Command `python -m analysis.interventions CKPT`: clips that are lost when temporal kernels are replaced."""

from pathlib import Path
from typing import Any, Literal

from tqdm import tqdm

from analysis.formatting import block_names
from analysis.interventions.accuracy import ANSWERS, Network, every_step, settings_accuracy, settings_finding
from analysis.interventions.kernel_edits import SETTINGS, settings_for, stored_starts
from analysis.interventions.labelled_clips import LabelledClips
from analysis.interventions.layer_ablation import (
    ALL_LAYERS,
    NUM_CLIPS,
    layer_ablation,
    layers_finding,
    power,
    store_ablation,
    verdict,
)
from analysis.own_clips import why_no_labels
from analysis.progress import Report
from gte import cli
from gte.checkpoint import load_model
from gte.data import open_labelled
from gte.errors import CheckpointError
from gte.models import temporal_layers


def main(
    ckpt: Path,
    replace: Literal["each-layer", "all-layers"] = "each-layer",
    num_clips: int | None = None,
    store: bool = False,
    json: bool = False,
) -> None:
    """Count the labelled clips that a network loses when the temporal kernels of its layers are replaced.

    Lost minus gained clips have a 95 % interval, p is that of the exact paired test over scenes, Holm's is corrected
    for all rows.

    Args:
        ckpt: A .safetensors file written by gte.train, whose data set is here.
        replace: Replace the kernels of each layer alone and of all together by three settings, or those of all layers
            by every setting.
        num_clips: Clips, from the first of the data set; by default 280, or all if there are fewer.
        store: Keep the result of each-layer with the checkpoint, in results/ next to it, where the app finds it.
        json: Print a list of objects on standard output.
    """
    model, header = load_model(ckpt)
    layers = list(temporal_layers(model))
    if not layers:
        raise CheckpointError(f"{ckpt.name} has no temporal kernels, so there are none to replace.")
    if reason := why_no_labels(header):
        raise CheckpointError(reason)
    most = len(open_labelled(header.dataset).present)
    num_clips = min(NUM_CLIPS, most) if num_clips is None else num_clips
    if not 1 <= num_clips <= most:
        raise ValueError(f"--num-clips must lie between 1 and {most}; got {num_clips}.")
    network = Network(name=header.name, model=model, starts=stored_starts(ckpt))
    clips = LabelledClips(dataset=header.dataset, num_clips=num_clips, num_frames=header.num_frames, size=header.size)
    names = {**block_names(layers), ALL_LAYERS: ALL_LAYERS}
    with tqdm(total=1.0, bar_format="{l_bar}{bar}| {elapsed}<{remaining}", leave=False, disable=None) as bar:
        report = _report_to(bar)
        if replace == "each-layer":
            table = layer_ablation(network, None, clips, report)
        else:
            steps = every_step(settings_for(model, layers, network.starts))
            table = settings_accuracy(network, None, steps, clips, report)
    if store:
        if replace != "each-layer":
            raise ValueError("--store keeps the result of each-layer; leave one of the two options out.")
        cli.say(f"Wrote {store_ablation(ckpt, table, clips, shipped=True)}.")
    rows: list[dict[Any, Any]] = table.drop(columns=ANSWERS).to_dict("records")
    if json:
        cli.print_json(rows)
    elif replace == "each-layer":
        print("\n".join(_line(names[row["layer"]], row) for row in rows))
        cli.say(f"{layers_finding(table, names)} {power(table)}")
    else:
        print("\n".join(_line(ALL_LAYERS, row) for row in rows))
        cli.say(settings_finding(table))


def _report_to(bar: "tqdm[Any]") -> Report:
    def report(part: float, text: str) -> None:
        bar.update(part - bar.n)

    return report


def _line(layer: str, row: dict[Any, Any]) -> str:
    setting = SETTINGS[row["setting"]].in_words(row.get("blend", 1.0))
    line = f"{layer:<14}{setting:<20}{row['right']:>5} of {row['num_clips']}"
    if row["setting"] == "learned":
        return line
    line += f"  {row['lost']:>4} lost {row['gained']:>3} gained  95 % {row['low']:>6.1f} to {row['high']:<6.1f}"
    line += f" p {row['p_value']:<8.2g}"
    return f"{line} Holm {row['p_holm']:<8.2g} {verdict(row)}" if "p_holm" in row else line


if __name__ == "__main__":
    cli.run_command(main, prog="python -m analysis.interventions")
