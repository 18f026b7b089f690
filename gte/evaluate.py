"""Accuracy of a network on a data set: `python -m gte.evaluate CHECKPOINT`."""

import csv
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated, Any, Literal

import torch
import tyro
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.data import Subset
from tqdm import tqdm

from gte.checkpoint import load_model
from gte.checkpoint_header import CheckpointHeader
from gte.cli import print_json, run_command, say
from gte.data import ClipDataset, DataReference, Split, labelled_split, open_dataset
from gte.data.listing import DataOptions
from gte.data.loading import ONE_VIEW, EvaluationClips, batches_of, load, to_clips
from gte.data.roots import remember_root
from gte.data.views import Views
from gte.errors import CheckpointError, DatasetError, some_of
from gte.files import atomic_write

MAX_PAIRS = 10
"""Confused pairs of classes that are listed."""
MAX_PROBLEMS = 5
"""Clips that cannot be read of which it is said why."""


@dataclass(frozen=True)
class Scores:
    """Logits of a network for the clips of a split."""

    logits: Float[Tensor, "n classes"]
    """The mean over the views of each clip."""
    labels: Int[Tensor, " n"]
    problems: tuple[str, ...] = ()
    """Why clips that are left out could not be read, a sentence for each."""

    @property
    def top1(self) -> float:
        """Share of clips whose most probable class is right."""
        return self.top(1)

    def top(self, k: int) -> float:
        """Return the share of clips whose class is among the k most probable ones."""
        best = self.logits.topk(min(k, self.logits.shape[1])).indices
        return (best == self.labels[:, None]).any(1).double().mean().item()

    @property
    def loss(self) -> float:
        """Mean cross-entropy, in nats."""
        return functional.cross_entropy(self.logits, self.labels).item()

    def per_class(self) -> list[float]:
        """Return the share of each class's clips that is right; NaN for a class without clips."""
        counts = self.confusion().double()
        return (counts.diagonal() / counts.sum(1)).tolist()

    def confusion(self) -> Int[Tensor, "classes classes"]:
        """Return the counts of clips by (class, most probable class)."""
        num_classes = self.logits.shape[1]
        pairs = self.labels * num_classes + self.logits.argmax(1)
        return torch.bincount(pairs, minlength=num_classes**2).view(num_classes, num_classes)

    def confused_pairs(self, count: int) -> list[tuple[int, int, int]]:
        """Return (class, predicted class, clips) of the commonest mistakes, most clips first."""
        counts = self.confusion().fill_diagonal_(0)
        order = counts.flatten().argsort(descending=True, stable=True)[:count].tolist()
        pairs = [(*divmod(place, len(counts)), int(counts.flatten()[place])) for place in order]
        return [pair for pair in pairs if pair[2]]

    def share_of(self, targets: Sequence[int]) -> tuple[float, int]:
        """Return the share of clips that are given a target of their class, and of how many; -1 stands for no target.

        The share is NaN if no clip has one.
        """
        wanted = torch.tensor(targets)[self.labels]
        has_target = wanted >= 0
        hits = (self.logits.argmax(1) == wanted)[has_target]
        return hits.double().mean().item(), int(has_target.sum())


def count_turned(forwards: Scores, backwards: Scores, twins: Sequence[int]) -> tuple[int, int]:
    """Return how many answers turn to their reversed class when the clips are reversed, and of how many.

    Both scores are of the same clips; answers whose class has no reversed class, -1, do not count.
    """
    wanted = torch.tensor(twins)[forwards.logits.argmax(1)]
    turned = (backwards.logits.argmax(1) == wanted)[wanted >= 0]
    return int(turned.sum()), len(turned)


def evaluate(
    model: nn.Module,
    dataset: ClipDataset,
    *,
    num_frames: int,
    num_clips: int | None = None,
    num_workers: int = 1,
    batch_size: int = 32,
    progress: bool = False,
    views: Views = ONE_VIEW,
    size: int = 0,
    reverse: bool = False,
    allow_missing: bool = False,
    share: tuple[int, int] = (0, 1),
) -> Scores:
    """Run a network on the first `num_clips` of a data set, or all, by default on the centre frames. Keeps its mode.

    `size` is needed for several crops; `reverse` shows the frames in reverse order. `share` is the number of this
    process and that of all processes, each of which takes its share of the clips. Raises VideoError for a clip that
    cannot be read, unless `allow_missing` leaves those out; DatasetError if none is left.
    """
    which = range(len(dataset) if num_clips is None else num_clips)[share[0] :: share[1]]
    count = len(which)
    device = next(model.parameters()).device
    was_training = model.training
    clips = EvaluationClips(dataset, num_frames, views, size=size, reverse=reverse, allow_missing=allow_missing)
    items = [clip * len(views) + view for clip in which for view in range(len(views))]
    loader = load(Subset(clips, items), num_workers=num_workers, batch_size=batch_size)
    logits: list[Tensor] = []
    labels: list[Tensor] = []
    indices: list[Tensor] = []
    problems: dict[str, None] = {}
    model.eval()
    try:
        with (
            torch.inference_mode(),
            tqdm(total=count * len(views), unit="clip", disable=None if progress else True, leave=False) as bar,
        ):
            for batch in batches_of(loader):
                problems |= dict.fromkeys(batch.problems)
                if len(batch.labels):
                    logits.append(model(to_clips(batch.frames.to(device))).float().cpu())
                    labels.append(batch.labels)
                    indices.append(batch.indices)
                bar.update(batch_size)
    finally:
        model.train(was_training)
    if not logits:
        raise DatasetError(f"None of the {count} clips of {dataset.name} can be read. {next(iter(problems), '')}")
    # Clones, because tensors of inference mode cannot be used under autograd.
    return _over_views(torch.cat(logits).clone(), torch.cat(labels), torch.cat(indices), tuple(problems))


def _over_views(
    logits: Float[Tensor, "m classes"], labels: Int[Tensor, " m"], indices: Int[Tensor, " m"], problems: tuple[str, ...]
) -> Scores:
    """Average the logits of the views of each clip."""
    numbers, place = indices.unique(return_inverse=True)
    if len(numbers) == len(logits):
        return Scores(logits, labels, problems)
    sums = torch.zeros(len(numbers), logits.shape[1]).index_add_(0, place, logits)
    label_of_clip = torch.zeros(len(numbers), dtype=torch.int64).index_copy_(0, place, labels)
    return Scores(sums / place.bincount()[:, None], label_of_clip, problems)


@dataclass(frozen=True, kw_only=True)
class EvaluateConfig:
    """What is evaluated, and how."""

    split: Split | None = None
    """Part of the data set; by default the test split, or the validation split where test labels are not published."""
    dataset: str = ""
    """Name in the table of data sets, if not the one that it was trained for; its classes are compared by name."""
    data_root: Path | None = None
    """Folder of the data; looked for by its name when not given."""
    data: DataOptions = field(default_factory=DataOptions)
    """What tells the data set further, if it is not the one that it was trained for."""
    num_clips: int | None = None
    """Evaluate only this many clips, from the first; all when not given."""
    num_workers: int = 1
    """Processes that prepare clips."""
    sampling: Literal["segments", "dense"] = "segments"
    """One frame from each equal part of a clip, or frames at equal steps of a window of 64 frames."""
    views: int = 1
    """Choices of frames of each clip, whose logits are averaged."""
    crops: Literal[1, 3] = 1
    """Crops of each frame: the middle square, or three along the long side."""
    reversal: bool = False
    """Also show each clip in reverse: how often does the answer turn to the class of the reversed motion?"""
    allow_missing: bool = False
    """Leave out clips that are missing or cannot be read, and say which."""
    confusion: Path | None = None
    """CSV file to write the confusion matrix to: a row for each class, a column for each predicted class."""
    csv: Path | None = None
    """CSV file to write the numbers to: a row for each checkpoint."""
    json: bool = False
    """Print JSON on standard output."""


DEFAULTS = EvaluateConfig()


def main(
    checkpoints: tuple[Path, ...],
    config: Annotated[EvaluateConfig, tyro.conf.arg(name=""), tyro.conf.OmitArgPrefixes] = DEFAULTS,
) -> None:
    """Evaluate checkpoints on a split of a data set, one after another.

    Args:
        checkpoints: .safetensors files written by gte.train or gte.convert.
        config: What is evaluated.
    """
    if not checkpoints:
        raise ValueError("The checkpoint to evaluate is missing; give its .safetensors file.")
    if config.confusion is not None and len(checkpoints) > 1:
        raise ValueError(f"--confusion writes the matrix of one checkpoint; got {len(checkpoints)}.")
    results = [_evaluate(checkpoint, config) for checkpoint in checkpoints]
    if config.csv is not None:
        with atomic_write(config.csv) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(
                file, [key for key, value in results[0].items() if not isinstance(value, dict | list)]
            )
            writer.writeheader()
            writer.writerows({key: result[key] for key in writer.fieldnames} for result in results)
    if config.json:
        print_json(results[0] if len(results) == 1 else results)


def _evaluate(checkpoint: Path, config: EvaluateConfig) -> dict[str, Any]:
    """Evaluate one checkpoint, print it unless JSON is asked for, and return the numbers."""
    model, header = load_model(checkpoint)
    dataset, split = _open(header, config)
    count = len(dataset) if config.num_clips is None else config.num_clips
    if not 1 <= count <= len(dataset):
        raise ValueError(f"num_clips must lie between 1 and {len(dataset)}; got {count}.")
    if config.reversal and max(header.twins, default=-1) < 0:
        raise ValueError(
            f"{header.name} knows no class that is another's reversal; leave out --reversal, or train with --twins."
        )
    here = set(dataset.present)
    missing = [dataset.clip_id(index) for index in range(count) if index not in here]
    if missing and not config.allow_missing:
        raise DatasetError(
            f"{len(missing)} of {count} clips are missing: {some_of(missing)}. Add them, or give --allow-missing."
        )
    views = Views(sampling=config.sampling, clips=config.views, crops=config.crops)

    # Classes are compared by name: publishers and others put them in different orders.
    numbers = torch.tensor([header.classes.index(name) for name in dataset.classes])

    def run(*, reverse: bool = False) -> Scores:
        scores = evaluate(
            model,
            dataset,
            num_frames=header.num_frames,
            num_clips=config.num_clips,
            num_workers=config.num_workers,
            progress=True,
            views=views,
            size=header.size,
            reverse=reverse,
            allow_missing=config.allow_missing,
        )
        return replace(scores, labels=numbers[scores.labels])

    scores = run()
    result = _facts(checkpoint, header, dataset, split, views, scores)
    if config.reversal:
        result |= _reversal(header, scores, run(reverse=True))
    if config.confusion is not None:
        _write_confusion(config.confusion, header.classes, scores)
    if not config.json:
        _print(header, split, views, result)
    for note in dataset.notes:
        say(note)
    if scores.problems:
        say(f"Left out {len(scores.problems)} clips that cannot be read. The first of them:")
        for problem in scores.problems[:MAX_PROBLEMS]:
            say(f"  {problem}")
    return result


def _open(header: CheckpointHeader, config: EvaluateConfig) -> tuple[ClipDataset, Split]:
    """Open the data to evaluate on. Raises CheckpointError if it has other classes than the network."""
    reference = header.dataset
    if config.dataset:
        root = config.data_root.resolve().name if config.data_root else ""
        reference = str(DataReference(config.dataset, root, config.data))
    elif config.data != DataOptions():
        raise ValueError(
            "Options of the data belong to another data set than that of the training: give --dataset, too."
        )
    if not reference:
        raise CheckpointError(
            f"{header.path.name} was trained elsewhere, on data that it does not name; name them with --dataset and "
            "--data-root."
        )
    split = config.split or labelled_split(reference)
    dataset = open_dataset(reference, split, header.size, root=config.data_root)
    if config.data_root is not None:
        remember_root(config.data_root)
    if lacking := [name for name in dataset.classes if name not in header.classes]:
        raise CheckpointError(
            f"{header.path.name} cannot be evaluated on {dataset.name}, because it does not know {some_of(lacking)}."
        )
    return dataset, split


def _facts(
    checkpoint: Path, header: CheckpointHeader, dataset: ClipDataset, split: Split, views: Views, scores: Scores
) -> dict[str, Any]:
    names = header.classes
    return {
        "checkpoint": str(checkpoint),
        "model": header.model,
        "seed": header.training.get("seed"),
        "dataset": dataset.name,
        "split": split,
        "num_clips": len(scores.labels),
        "num_left_out": len(scores.problems),
        "views": views.describe(),
        "top1": scores.top1,
        "top5": scores.top(5),
        "loss": scores.loss,
        "top1_by_class": dict(zip(names, scores.per_class(), strict=True)),
        "most_confused": [
            {"class": names[label], "predicted": names[guess], "clips": clips}
            for label, guess, clips in scores.confused_pairs(MAX_PAIRS)
        ],
        "confusion": scores.confusion().tolist(),
    }


def _reversal(header: CheckpointHeader, scores: Scores, backwards: Scores) -> dict[str, Any]:
    """Return what the answers to clips of classes with a reversed class are, forwards and in reverse."""
    has_twin = [label if twin >= 0 else -1 for label, twin in enumerate(header.twins)]
    right, count = scores.share_of(has_twin)
    return {
        "clips_with_reversed_class": count,
        "top1_with_reversed_class": right,
        "reversed_clips_given_reversed_class": backwards.share_of(header.twins)[0],
        "reversed_clips_given_own_class": backwards.share_of(has_twin)[0],
    }


def _print(header: CheckpointHeader, split: Split, views: Views, result: dict[str, Any]) -> None:
    print(
        f"{header.name}: {result['top1']:.1%} top-1, {result['top5']:.1%} top-5 of {result['num_clips']} {split} clips"
        f"{'' if len(views) == 1 and views.sampling == 'segments' else f', {views.describe()}'}"
    )
    width = max(map(len, header.classes))
    for name, share in result["top1_by_class"].items():
        print(f"  {name:{width}}  {share:6.1%}")
    if result["most_confused"]:
        print("Most confused:")
    for pair in result["most_confused"]:
        print(f"  {pair['class']:{width}}  taken for {pair['predicted']} in {pair['clips']} clips")
    if "clips_with_reversed_class" in result:
        print(
            f"Of the {result['clips_with_reversed_class']} clips of classes with a reversed class "
            f"{result['top1_with_reversed_class']:.1%} are right; shown in reverse "
            f"{result['reversed_clips_given_reversed_class']:.1%} are given the reversed class, "
            f"{result['reversed_clips_given_own_class']:.1%} still their own."
        )


def _write_confusion(path: Path, classes: Sequence[str], scores: Scores) -> None:
    with atomic_write(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["class", *classes])
        writer.writerows([name, *row] for name, row in zip(classes, scores.confusion().tolist(), strict=True))


if __name__ == "__main__":
    run_command(main, prog="python -m gte.evaluate")
