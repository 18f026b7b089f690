"""Files of the study that ship: results.json, a table of the runs, and checkpoints in half precision."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from safetensors.torch import save as to_bytes
from torch import Tensor, nn

from gte.checkpoint import KERNEL_INIT
from gte.checkpoint_header import METADATA, MODEL, read_header
from gte.cli import say
from gte.data import open_dataset
from gte.errors import GteError
from gte.files import atomic_write
from gte.kernel_history import HISTORY, STEPS
from gte.models.shift import shift_layers
from gte.study.runs import StudyConfig, StudyRun, plan

FORMAT = 1
"""Version of results.json."""
RESULTS = "results.json"
MAX_LOST = 0.001
"""Share of the test clips that half precision may lose; otherwise a network ships as it was trained."""
SHIPPED_SNAPSHOTS = 17
"""Of the kernels during training, the first and the last among them."""
SHIPPED_SEEDS: Mapping[str, tuple[int, ...]] = {"gte": (0, 1, 2)}
"""Seeds whose checkpoints ship, where it is not the first alone."""


def _is_rounded(key: str, tensor: Tensor, shifts: Sequence[str]) -> bool:
    """Return True for weights that ship in half precision: not those of BatchNorm, biases and learnable shifts."""
    return tensor.is_floating_point() and tensor.dim() > 1 and not key.startswith(tuple(shifts))


def round_weights(model: nn.Module) -> None:
    """Round the weights of a network to what they are in the file that ships."""
    shifts = shift_layers(model)
    with torch.no_grad():
        for key, tensor in model.state_dict().items():
            if _is_rounded(key, tensor, list(shifts)):
                tensor.copy_(tensor.half())


def ship(study: StudyConfig, folder: Path) -> None:
    """Write results.json and README.md, of all finished runs, and the checkpoints that ship.

    Raises GteError if no run is finished.
    """
    runs = plan(replace(study, only=(), devices=1))
    results = [(run, result) for run in runs if (result := run.result()) is not None]
    if not results:
        raise GteError(f"{study.out} holds no finished run; run the study first.")
    for run, result in results:
        if _ships(result):
            _write_checkpoint(run, folder / run.checkpoint.name, result["weights"] == "half")
    header = read_header(results[0][0].checkpoint)
    test = open_dataset(header.dataset, "test", header.size)
    facts = {
        "format": FORMAT,
        "data": test.name,
        "size": header.size,
        "classes": list(test.classes),
        "twins": list(test.twins),
        "labels": [test.label(index) for index in range(len(test))],
    }
    # A line for each run, so that a change of one is seen as such.
    lines = ",\n".join(json.dumps(result) for _, result in results)
    with atomic_write(folder / RESULTS) as temporary:
        temporary.write_text(f'{json.dumps(facts)[:-1]}, "runs": [\n{lines}\n]}}\n')
    with atomic_write(folder / "README.md") as temporary:
        temporary.write_text(_readme(runs, [result for _, result in results]))
    say(f"Wrote {RESULTS} with {len(results)} of {len(runs)} runs, and the checkpoints that ship, to {folder}.")


def _readme(runs: Sequence[StudyRun], results: Sequence[Mapping[str, Any]]) -> str:
    """Return the table of the finished runs as Markdown."""
    lines = [
        "# Checkpoints of the study",
        "",
        f"Written by `python -m gte.study --ship`; {len(results)} of its {len(runs)} runs are finished.",
        f"`{RESULTS}` holds the answers to every test clip and the metrics of every epoch.",
        "The file of a run is here if its name is in bold. Convolutions and classifier are in half precision",
        "where the column *weights* says so; *as trained* is the accuracy before that.",
        "Seconds are those of the training, beside other work on the machine.",
        "",
        "| run | command | revision | seconds | weights | test accuracy | as trained |",
        "|---|---|---|---|---|---|---|",
    ]
    for result in results:
        name = f"**{result['name']}**" if _ships(result) else result["name"]
        lines.append(
            f"| {name} | `python -m gte.study --only {result['name']}` | `{result['revision'][:7]}` | "
            f"{result['seconds']:.0f} | {result['weights']} | {result['top1']:.2%} | {result['top1_as_trained']:.2%} |"
        )
    return "\n".join(lines) + "\n"


def _ships(result: Mapping[str, Any]) -> bool:
    """Return True for a run whose checkpoint ships: the first of a network, and all of some."""
    return result["seed"] in SHIPPED_SEEDS.get(result["row"], (0,))


def _write_checkpoint(run: StudyRun, target: Path, half: bool) -> None:
    """Copy a checkpoint, with fewer snapshots and, if that is wanted, its weights in half precision.

    Its command is the one that makes this run alone, in the folder of whoever calls it.
    """
    with safe_open(run.checkpoint, "pt") as file:
        metadata = file.metadata()
        tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
    facts = json.loads(metadata[METADATA])
    facts["environment"]["command"] = f"python -m gte.study --only {run.name}"
    for key, tensor in tensors.items():
        weight = key.startswith(MODEL) and _is_rounded(key.removeprefix(MODEL), tensor, facts["layers"])
        # Kernels before training as precise as those after it, with which they are compared.
        if half and (weight or key.startswith(KERNEL_INIT)):
            tensors[key] = tensor.half()
        elif key.startswith(HISTORY) or key == STEPS:
            kept = torch.linspace(0, len(tensor) - 1, min(SHIPPED_SNAPSHOTS, len(tensor))).round().long()
            tensors[key] = tensor[kept]
    with atomic_write(target) as temporary:
        temporary.write_bytes(to_bytes(tensors, {**metadata, METADATA: json.dumps(facts)}))
