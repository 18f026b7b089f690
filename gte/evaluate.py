"""Accuracy of a network on a data set: `python -m gte.evaluate CHECKPOINT`."""

from dataclasses import dataclass
from pathlib import Path

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.data import Subset
from tqdm import tqdm

from gte.checkpoint import load_model
from gte.cli import print_json, run_command
from gte.data import ClipDataset, Split, open_dataset
from gte.data.loading import EvaluationClips, batches_of, load, to_clips
from gte.data.roots import remember_root
from gte.errors import CheckpointError


@dataclass(frozen=True)
class Scores:
    """Logits of a network for every clip of a split."""

    logits: Float[Tensor, "n classes"]
    labels: Int[Tensor, " n"]

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


def evaluate(
    model: nn.Module,
    dataset: ClipDataset,
    *,
    num_frames: int,
    num_clips: int | None = None,
    num_workers: int = 1,
    batch_size: int = 32,
    progress: bool = False,
) -> Scores:
    """Run a network on the centre frames of the first `num_clips` of a data set, or all. Keeps the network's mode."""
    count = len(dataset) if num_clips is None else num_clips
    device = next(model.parameters()).device
    was_training = model.training
    clips = Subset(EvaluationClips(dataset, num_frames), range(count))
    loader = load(clips, num_workers=num_workers, batch_size=batch_size)
    logits, labels = [], []
    model.eval()
    try:
        with torch.inference_mode(), tqdm(total=count, unit="clip", disable=not progress, leave=False) as bar:
            for batch in batches_of(loader):
                logits.append(model(to_clips(batch.frames.to(device))).float().cpu())
                labels.append(batch.labels)
                bar.update(len(batch.labels))
    finally:
        model.train(was_training)
    # Clones, because tensors of inference mode cannot be used under autograd.
    return Scores(torch.cat(logits).clone(), torch.cat(labels).clone())


def main(
    checkpoint: Path,
    split: Split = "test",
    num_clips: int | None = None,
    num_workers: int = 1,
    data_root: Path | None = None,
    json: bool = False,
) -> None:
    """Evaluate a checkpoint on a split of the data set that it was trained for.

    Args:
        checkpoint: A .safetensors file written by gte.train.
        split: Part of the data set.
        num_clips: Evaluate only this many clips, from the first; all when not given.
        num_workers: Processes that prepare clips.
        data_root: Folder of the data; looked for by its name when not given.
        json: Print JSON on standard output.
    """
    model, header = load_model(checkpoint)
    if not header.dataset:
        raise CheckpointError(
            f"{checkpoint.name} was trained elsewhere, on data that it does not name; it cannot be evaluated here."
        )
    dataset = open_dataset(header.dataset, split, header.size, root=data_root)
    if data_root is not None:
        remember_root(data_root)
    if dataset.classes != header.classes:
        raise CheckpointError(
            f"{checkpoint.name} has other classes than {header.dataset}, so it cannot be evaluated on it."
        )
    if num_clips is not None and not 1 <= num_clips <= len(dataset):
        raise ValueError(f"num_clips must lie between 1 and {len(dataset)}; got {num_clips}.")
    scores = evaluate(
        model, dataset, num_frames=header.num_frames, num_clips=num_clips, num_workers=num_workers, progress=True
    )
    per_class = scores.per_class()
    result = {
        "checkpoint": str(checkpoint),
        "model": header.model,
        "dataset": header.dataset,
        "split": split,
        "num_clips": len(scores.labels),
        "top1": scores.top1,
        "top5": scores.top(5),
        "loss": scores.loss,
        "top1_by_class": dict(zip(header.classes, per_class, strict=True)),
    }
    if json:
        print_json(result)
        return
    print(f"{header.name}: {scores.top1:.1%} top-1, {scores.top(5):.1%} top-5 of {len(scores.labels)} {split} clips")
    width = max(map(len, header.classes))
    for name, share in result["top1_by_class"].items():
        print(f"  {name:{width}}  {share:6.1%}")


if __name__ == "__main__":
    run_command(main, prog="python -m gte.evaluate")
