"""Splits drawn from a list of clips so that those of one group, such as a subject, stay together."""

import hashlib
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from gte.data import Split
from gte.data.listing import DataOptions, Listing
from gte.errors import DatasetError

VALIDATION_SHARE = 0.1


def hold_out(groups: Sequence[str], labels: Sequence[int], share: float, seed: int) -> frozenset[int]:
    """Return the clips to hold out, about `share` of each class, by whole groups; a clip without a group is its own.

    Groups are taken in a seeded order, each if most of its clips are of classes of which less than `share` is held out
    by then; not if a class would have no clip left, or half as many more clips be held out as wanted.
    """
    members: dict[str, list[int]] = {}
    for index, group in enumerate(groups):
        members.setdefault(group or f"\0{index}", []).append(index)
    total, taken = Counter(labels), Counter[int]()
    held_out: set[int] = set()
    names = sorted(members)
    room = max(1.5 * share * len(groups), min(map(len, members.values()), default=0) * len(total))
    for place in np.random.default_rng(seed).permutation(len(names)):
        clips = members[names[place]]
        classes = Counter(labels[index] for index in clips)
        short = sum(count for label, count in classes.items() if taken[label] < share * total[label])
        fits = len(held_out) + len(clips) <= room
        if (
            fits
            and 2 * short > len(clips)
            and all(taken[label] + count < total[label] for label, count in classes.items())
        ):
            held_out.update(clips)
            taken.update(classes)
    return frozenset(held_out)


def hold_out_by_name(groups: Sequence[str], labels: Sequence[int], share: float, seed: str) -> frozenset[int]:
    """Return the clips to hold out, about `share`, by whole groups that a hash of seed and name places in [0, 1).

    Those below `share` are held out, and the first that has most of its clips in classes without any; never more than
    half of a class. So groups that join take others out of what is held out at most, but for classes of a few groups.
    """
    members: dict[str, list[int]] = {}
    for index, group in enumerate(groups):
        members.setdefault(group, []).append(index)
    digests = {group: hashlib.sha256(f"{seed} {group}".encode()).digest()[:8] for group in members}
    total, taken = Counter(labels), Counter[int]()
    held_out: set[int] = set()
    for group in sorted(members, key=digests.__getitem__):
        clips = members[group]
        classes = Counter(labels[index] for index in clips)
        is_below = int.from_bytes(digests[group]) < share * 2**64
        is_first = 2 * sum(count for label, count in classes.items() if not taken[label]) > len(clips)
        if (is_below or is_first) and all(2 * (taken[name] + count) <= total[name] for name, count in classes.items()):
            held_out.update(clips)
            taken.update(classes)
    return frozenset(held_out)


def group_of(pattern: str, path: str) -> str:
    """Return the first group that a regular expression matches in a path, or its whole match; empty if it does not.

    Raises DatasetError if it is no regular expression.
    """
    if not pattern:
        return ""
    try:
        match = re.search(pattern, path)
    except re.error as error:
        raise DatasetError(f"--group-pattern is a regular expression; {pattern!r} is none ({error}).") from error
    if match is None:
        return ""
    return next((text for text in match.groups() if text), match[0])


def held_out_listing(listing: Listing, split: Split, options: DataOptions) -> Listing:
    """Return the part of a published training split that is for training or for choosing; a test split as it is."""
    if split == "test":
        return listing
    groups = [clip.group for clip in listing.clips]
    labels = [clip.label for clip in listing.clips]
    held_out = hold_out(groups, labels, VALIDATION_SHARE, options.split_seed)
    clips = tuple(clip for index, clip in enumerate(listing.clips) if (index in held_out) == (split == "val"))
    note = (
        f"No validation split is published: {len(held_out):,} of {len(listing.clips):,} clips for training are held "
        "out as val, whole recordings at a time, so that no choice is made by the test split."
    )
    return replace(listing, clips=clips, notes=(*listing.notes, note))
