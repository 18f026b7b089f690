"""Kernels: what training did to GTE's learnable shifts, over all seeds, and on real recordings.

Each statement has its null: the order of the layers a permutation of them, everything else random changes of the
kernels that are as long as that of training (`analysis.kernels.chance`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import permutations
from pathlib import Path
from typing import Final, Literal

import numpy as np
import pandas as pd
from jaxtyping import Float

from analysis.formatting import KIND_VERBS, block_names, join_words, p_value_in_words, three_digits
from analysis.kernels.chance import Range, chances_of, random_kernels, range_of, total
from analysis.kernels.reach import path_reach, spread_of
from analysis.kernels.summary import at_the_end, summarise
from analysis.kernels.taps import KINDS
from analysis.statistics import SIGNIFICANT, holm
from gte.checkpoint_header import read_header
from gte.errors import GteError
from gte.kernel_history import KernelHistory, read_lts_histories

DRAWS: Final = 5_000
"""Of random orders of layers, where there are too many to go through them all."""
MAX_EXACT: Final = 8
"""Layers of which all orders are gone through."""
RANDOM: Final = "after random changes of the same length"
NO_ORDER: Final = "cannot be said to drift in a similar order"
NO_NETWORKS: Final = "No checkpoint of GTE ships with the study yet, so its kernels cannot be compared over seeds."

Side = Literal["more", "fewer", "as many"]


@dataclass(frozen=True)
class Learned:
    """The learnable shifts of one trained network."""

    name: str
    """Name of the checkpoint."""
    blocks: tuple[str, ...]
    """Short names of the layers, in order of depth."""
    drift: Float[np.ndarray, " l"]
    """|W - W0| / |W0| of each layer."""
    counts: Mapping[str, int]
    """Output channels of each kind, of all layers together."""
    counts_before: Mapping[str, int]
    """The same before training."""
    chance: Mapping[str, Range]
    """The same after random changes of the same length."""
    reach: Float[np.ndarray, " l"]
    """Frames from which the output of each layer comes, along the shifts alone: root mean square."""
    reach_before: Float[np.ndarray, " l"]
    """The same before training."""
    reach_chance: Range
    """After the last layer, after random changes of the same length."""

    @property
    def outputs(self) -> int:
        """Number of output channels of all layers."""
        return sum(self.counts.values())

    def side(self, kind: str) -> Side:
        """Whether more or fewer outputs are of a kind than random changes leave in 95 % of the draws."""
        limits = self.chance[kind]
        return "more" if self.counts[kind] > limits.high else "fewer" if self.counts[kind] < limits.low else "as many"


def learned(path: Path | str) -> Learned:
    """Measure the shifts of a checkpoint. Raises GteError if it has none, or if their start is not known."""
    header = read_header(path)
    histories = read_lts_histories(header) or []
    if not histories or any(history.initial is None for history in histories):
        raise GteError(f"{header.name} has no learnable shifts whose start is known.")
    end = at_the_end(summarise(histories))
    chance = total(list(chances_of(histories).values()))
    weights = [history.weights[-1] for history in histories]
    outputs = end["outputs"].to_numpy(dtype=float)

    def counted(suffix: str) -> dict[str, int]:
        return {kind: round(float(end[f"{kind}{suffix}"].to_numpy(dtype=float) @ outputs)) for kind in KINDS}

    return Learned(
        name=header.name,
        blocks=tuple(block_names([history.layer for history in histories]).values()),
        drift=end["drift"].to_numpy(dtype=float),
        counts=counted(""),
        counts_before=counted("0"),
        chance={kind: chance.count_of(kind) for kind in KINDS},
        reach=_reach(weights),
        reach_before=_reach([history.weights[0] for history in histories]),
        reach_chance=_reach_chance(histories),
    )


def _reach(weights: Sequence[np.ndarray]) -> Float[np.ndarray, " l"]:
    profiles = path_reach(weights)
    return np.array(
        [
            spread_of([place - len(profile) // 2 for place in range(len(profile))], profile.tolist())
            for profile in profiles
        ]
    )


def _reach_chance(histories: Sequence[KernelHistory]) -> Range:
    """Return the range of the reach after the last layer, where each kernel changed at random."""
    variance, mean = np.zeros(1), np.zeros(1)
    for history in histories:
        change = history.weights[-1].astype(np.float64) - history.weights[0]
        drawn = random_kernels(history, float(np.linalg.norm(change)))  # (d, o, r, k)
        energy = np.square(drawn).sum(axis=(1, 2))
        share = energy / energy.sum(axis=1, keepdims=True)
        offsets = np.arange(share.shape[1]) - share.shape[1] // 2
        # Profiles of layers are convolved, so that their means and their variances add up.
        layer_mean = share @ offsets
        mean = mean + layer_mean
        variance = variance + share @ offsets**2 - layer_mean**2
    return range_of(np.sqrt(variance + mean**2))


@dataclass(frozen=True)
class Story:
    """The shifts of one network over its seeds, and of others that are compared with them."""

    seeds: Sequence[Learned]
    others: Sequence[Learned] = ()
    """Networks of the same layers trained on other data."""

    @property
    def drifts(self) -> Float[np.ndarray, "s l"]:
        """The drift of each layer, by seed."""
        return np.stack([item.drift for item in self.seeds])

    @cached_property
    def p_values(self) -> dict[str, float]:
        """P-values of what is said of the order of the layers, corrected together by Holm's method.

        "seeds": that the seeds agree in it; "depth": that drift rises or falls with depth; then by the names of the
        other networks, that they agree with the seeds.
        """
        num_layers = self.drifts.shape[1]
        mean = self.drifts.mean(axis=0)
        raw: dict[str, float] = {}
        if num_layers > 1:
            if len(self.seeds) > 1:
                raw["seeds"] = _concordance_p_value(self.drifts)
            raw["depth"] = _rank_p_value(mean, np.arange(num_layers, dtype=float))
            raw |= {item.name: _rank_p_value(item.drift, mean) for item in self.others if self._comparable(item)}
        return dict(zip(raw, holm(list(raw.values())), strict=True))

    def _comparable(self, item: Learned) -> bool:
        return item.blocks == self.seeds[0].blocks

    def correlation_with_depth(self) -> float:
        """Return Spearman's correlation of the mean drift with depth."""
        return _rank_correlation(self.drifts.mean(axis=0), np.arange(self.drifts.shape[1], dtype=float))

    def sides(self, networks: Sequence[Learned]) -> dict[str, Side]:
        """Return the kinds of outputs that are more, or fewer, than random changes leave in each of some networks."""
        sides: dict[str, Side] = {}
        for kind in KINDS:
            first = networks[0].side(kind)
            if first != "as many" and all(item.side(kind) == first for item in networks):
                sides[kind] = first
        return sides


def story(seeds: Sequence[Path | str], others: Sequence[Path | str] = ()) -> Story:
    """Measure the checkpoints of one network, one for each seed, and others. Raises GteError for none."""
    if not seeds:
        raise GteError(NO_NETWORKS)
    return Story(tuple(map(learned, seeds)), tuple(map(learned, others)))


def story_table(item: Story) -> pd.DataFrame:
    """Return one row per network and layer: drift, reach and reach before training, in frames."""
    return pd.DataFrame(
        [
            {"checkpoint": network.name, "block": block, "drift": drift, "spread": reach, "spread0": before}
            for network in (*item.seeds, *item.others)
            for block, drift, reach, before in zip(
                network.blocks, network.drift, network.reach, network.reach_before, strict=True
            )
        ]
    )


def story_finding(item: Story) -> str:
    """Write one paragraph on what is the same in all seeds and on real recordings, each statement with its null."""
    sentences = [_depth_sentence(item), *_kind_sentences(item), _reach_sentence(item)]
    sentences += [_other_sentence(item, other) for other in item.others]
    return " ".join(filter(None, sentences))


def _depth_sentence(item: Story) -> str:
    p_values = item.p_values
    if not p_values:
        return ""
    many = f"{len(item.seeds)} seeds"
    agree = ""
    if "seeds" in p_values:
        verb = "agree" if p_values["seeds"] <= SIGNIFICANT else "cannot be said to agree"
        agree = f"The {many} {verb} in which layers drift most ({p_value_in_words(p_values['seeds'])}). "
    if p_values["depth"] <= SIGNIFICANT:
        course = "falls" if item.correlation_with_depth() < 0 else "rises"
        return f"{agree}Drift {course} with depth ({p_value_in_words(p_values['depth'])})."
    return f"{agree}It is not shown that drift rises or falls with depth ({p_value_in_words(p_values['depth'])})."


def _kind_sentences(item: Story) -> list[str]:
    every = "in each seed" if len(item.seeds) > 1 else "in its one seed"
    outputs = item.seeds[0].outputs
    sentences = [f"Of {outputs} outputs {_shares(item.seeds)}."]
    words = []
    for side in ("more", "fewer"):
        kinds = [kind for kind, other in item.sides(item.seeds).items() if other == side]
        parts = [
            f"{KIND_VERBS[kind][1]} ({_counts(item.seeds, kind)}; chance {_chances(item.seeds, kind)})"
            for kind in kinds
        ]
        words += [f"{side} {join_words(parts)}"] if parts else []
    if not words:
        return [*sentences, f"No kind is more or less frequent {every} than {RANDOM}."]
    return [*sentences, f"{every.capitalize()}, {'; '.join(words)} than {RANDOM}."]


def _shares(networks: Sequence[Learned]) -> str:
    """Say how many outputs are of each kind, of those that occur, and how many before training."""
    kinds = [kind for kind in KINDS if any(item.counts[kind] or item.counts_before[kind] for item in networks)]
    if all(item.counts == item.counts_before == networks[0].counts for item in networks):
        parts = [f"{networks[0].counts[kind]} {KIND_VERBS[kind][1]}" for kind in kinds]
        return f"{join_words(parts)}{' in each seed' if len(networks) > 1 else ''}, as many as before training"
    before = networks[0].counts_before
    parts = [f"{_counts(networks, kind)} {_verb(networks, kind)} (before training {before[kind]})" for kind in kinds]
    return join_words(parts)


def _verb(networks: Sequence[Learned], kind: str) -> str:
    return KIND_VERBS[kind][0 if all(item.counts[kind] == 1 for item in networks) else 1]


def _counts(networks: Sequence[Learned], kind: str) -> str:
    return ", ".join(str(item.counts[kind]) for item in networks)


def _chances(networks: Sequence[Learned], kind: str) -> str:
    limits = [item.chance[kind] for item in networks]
    low, high = min(limit.low for limit in limits), max(limit.high for limit in limits)
    return Range(low, low, high).in_words()


def _reach_sentence(item: Story) -> str:
    ends = join_words([f"{network.reach[-1]:.3f}" for network in item.seeds])
    before = f"{item.seeds[0].reach_before[-1]:.3f}"
    chance = join_words([_reach_limits(network) for network in item.seeds])
    text = f"Along the shifts the last layer reaches {ends} frames, before training {before}"
    if all(network.reach[-1] > network.reach_chance.high for network in item.seeds):
        return f"{text}; after random changes it would be less ({chance})."
    if all(network.reach[-1] < network.reach_chance.low for network in item.seeds):
        return f"{text}; after random changes it would be more ({chance})."
    return f"{text}; after random changes it would be {chance}, so that training is not shown to differ from them."


def _reach_limits(network: Learned) -> str:
    """Write between what random changes leave the reach; with as many digits as the reach itself."""
    return f"{network.reach_chance.low:.3f} to {network.reach_chance.high:.3f}"


def _other_sentence(item: Story, other: Learned) -> str:
    p_value = item.p_values.get(other.name)
    if p_value is None:
        return f"{other.name} has other layers, so drift by layer is not compared."
    correlation = _rank_correlation(other.drift, item.drifts.mean(axis=0))
    alike = "drift in a similar order" if p_value <= SIGNIFICANT and correlation > 0 else NO_ORDER
    same, here = item.sides(item.seeds), item.sides([other])
    shared = sum(here.get(kind) == side for kind, side in same.items())
    if same:
        kinds = f"{shared} of the {len(same)} kinds named above are so there, too"
    else:
        kinds = f"{_shares([other])}, {'but not as' if here else 'and as'} after random changes"
    reach = f"the last layer reaches {other.reach[-1]:.3f} frames, after random changes {_reach_limits(other)}"
    order = f"rank correlation {three_digits(correlation)}, {p_value_in_words(p_value)}"
    return f"On real recordings ({other.name}) the layers {alike} ({order}); {kinds}; {reach}."


def _ranks(values: Float[np.ndarray, "*s l"]) -> Float[np.ndarray, "*s l"]:
    return np.argsort(np.argsort(values, axis=-1, kind="stable"), axis=-1, kind="stable").astype(float)


def _rank_correlation(first: np.ndarray, second: np.ndarray) -> float:
    return float(np.corrcoef(_ranks(first), _ranks(second))[0, 1])


def _rank_p_value(first: np.ndarray, second: np.ndarray) -> float:
    """Return the two-sided p-value of Spearman's correlation over orders of the layers."""
    one, other = (_ranks(values) - (len(values) - 1) / 2 for values in (first, second))
    products = np.abs(one[_orders(len(one))] @ other)
    # All orders have the observed one among them; of drawn ones it is one more.
    observed = abs(float(one @ other)) - 1e-9
    hits = int((products >= observed).sum())
    return hits / len(products) if len(one) <= MAX_EXACT else (hits + 1) / (len(products) + 1)


def _orders(count: int) -> np.ndarray:
    if count <= MAX_EXACT:
        return np.array(list(permutations(range(count))))
    rng = np.random.default_rng(0)
    return np.stack([rng.permutation(count) for _ in range(DRAWS)])


def _concordance_p_value(values: Float[np.ndarray, "s l"]) -> float:
    """Return the p-value of Kendall's W, the agreement of several orders, over random orders of each.

    Kendall and Babington Smith, "The Problem of m Rankings", 1939.
    """
    rng = np.random.default_rng(0)
    ranks = _ranks(values)
    drawn = rng.permuted(np.broadcast_to(ranks, (DRAWS, *ranks.shape)), axis=-1)
    hits = int((drawn.sum(axis=1).var(axis=-1) >= ranks.sum(axis=0).var() - 1e-9).sum())
    return (hits + 1) / (DRAWS + 1)
