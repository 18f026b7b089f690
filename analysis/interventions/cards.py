"""The cards of the page What if: each figure of a change with its sentence, definition, code and numbers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from analysis import interventions
from analysis.interventions import (
    ROUNDING,
    SETTINGS,
    TIME_CHANGES,
    Effect,
    LabelledClips,
    Step,
    TimeChoice,
    figures,
)
from analysis.interventions.kernel_edits import MirrorLaw
from analysis.plotting.card import CardWithCode as Card
from analysis.plotting.rows import where
from gte.data.video.sources import Stretch

RINGS = f"""
A ring is the probability of a class before the change, the dot the one after it; drawn are what the clip shows, its
twin (the class of the clip reversed), and the likeliest of all others. Differences of logits are the largest over all
classes, in parts of the largest logit before: up to {ROUNDING:g} is rounding, because numbers are added in another
order.
"""
LABELLED = """
The dotted line is what guessing gives. Whether a difference is chance is asked of the clips that flipped, by the exact
test of McNemar at 5 %, divided by the number of comparisons.
"""
OVER_THE_DATA = """
The same test clips under each change of time. **Its own class** is the one that the clip shows as it was filmed, **the
twin** the class of the clip reversed. A network that averages over frames without mixing them answers a reversed or
shuffled clip as it answered the clip.
"""
NEED = (
    """
The layer's kernels alone are set to something else; everything behind them stays as it was trained.

- **Initial shift**: what training started from. If little is lost, the layer needs *a* shift, and not the one that it
  learned.
- **No shift**: every output reads what it began with in the frame itself. If little is lost, the layer's look to other
  frames is not needed here. Kernels whose start nobody knows have **present alone** instead: their taps are summed at
  the frame itself.
- **Nothing**: the layer gives zeros. If little is lost, the other paths carry it.
"""
    + LABELLED
)
BLEND = """
The kernels W₀ + b·(W − W₀) over the blend b, with the initial W₀ and the learned W: b = 0 is the start, 1 what was
learned, and above 1 training goes on in a straight line. The upright line is the blend of the page, the dotted one what
guessing gives.
"""
MIRROR = """
Reversing a clip and mirroring every kernel, (a1, a2, a3) to (a3, a2, a1), are one and the same to a network whose other
parts ignore order: padding with zeros is the same at both ends. So doing both must change nothing: in the lower panel
every dot lies in its ring.
"""


@dataclass(frozen=True, kw_only=True)
class Footage:
    """The clip of the page, as snippets of code read it."""

    name: str
    """The name of a video file, or of a data set."""
    stretch: Stretch
    stored_a_frame: int | None = None
    """Frames that are read for each that a network sees, for a change of time to choose from; None for all."""
    index: int | None = None
    """Which test clip of the data set; None for a file."""
    shown: int | None = None
    """The class that it shows, where that is known."""

    def code(self) -> str:
        """Lines that make `stored` and `which`, the numbers of the frames that the network of `header` sees."""
        first, last, per_frame = self.stretch.first, self.stretch.last, self.stored_a_frame
        count = self.stretch.num_frames if per_frame is None else f"{per_frame} * header.num_frames"
        numbers = f"Stretch({first}, {last}).sample({count})"
        read = (
            f"open_footage(Path({self.name!r})).read({numbers}, size=header.size)"
            if self.index is None
            else f'open_dataset({self.name!r}, "test", header.size).frames({self.index}, {numbers})'
        )
        return f"stored = {read}\nwhich = segment_indices(len(stored), header.num_frames)\n"

    @property
    def imports(self) -> str:
        """What `code` needs."""
        if self.index is None:
            return "from pathlib import Path\n\n" + IMPORTS.format(data="", opened="Stretch, open_footage")
        return IMPORTS.format(data="from gte.data import open_dataset\n", opened="Stretch")


IMPORTS = """from analysis import interventions
from analysis.interventions import figures
from gte import checkpoint
{data}from gte.data.video.sources import {opened}
from gte.data.sampling import segment_indices
from gte.data.loading import to_clip

"""
LABELLED_IMPORTS = """from analysis import interventions
from analysis.interventions import figures
from gte import checkpoint
"""


def _effect(network: str, shown: int | None) -> str:
    return (
        f"interventions.Effect(\n    network={network}, classes=header.classes, twins=header.twins, before=before, "
        f"after=after, shown={shown}\n)"
    )


@dataclass(frozen=True, kw_only=True)
class Examined:
    """A network and the labelled clips that it was asked about, as snippets of code make them."""

    name: str
    path: str
    """The checkpoint's file, as code names it."""
    clips: LabelledClips

    def code(self) -> str:
        """Lines that make `network` and `clips`."""
        return (
            f"path = {self.path!r}\nmodel, header = checkpoint.load_model(path)\n"
            "starts = interventions.stored_starts(path)\n"
            f"network = interventions.Network(name={self.name!r}, model=model, starts=starts)\n"
            f"clips = interventions.{self.clips!r}\n"
        )

    @property
    def chance(self) -> str:
        """What guessing gives, as code writes it."""
        return f"1 / {self.clips.num_classes}"


def _import_of_layers(layers: Sequence[str] | None) -> str:
    return "from gte.models import temporal_layers\n" if layers is None else ""


def _layers(layers: Sequence[str] | None) -> str:
    """A line that makes `layers`; to name all of a large network would fill the page."""
    return f"layers = {'list(temporal_layers(model))' if layers is None else repr(list(layers))}\n"


def answers_over_time(
    effects: Sequence[Effect], choice: TimeChoice, footage: Footage, paths: Mapping[str, str]
) -> Card:
    """The answers of networks to a clip before and after a change of time; `paths` are their files, by their names."""
    change = TIME_CHANGES[choice.change]
    told = interventions.in_words(choice)
    files = "".join(f"    {effect.network!r}: {paths[effect.network]!r},\n" for effect in effects)
    body = (
        "model, header = checkpoint.load_model(path)\n"
        + footage.code()
        + f"changed = interventions.change_time(stored, which, interventions.{choice!r})\n"
        "before, after = (\n    interventions.answers(model, to_clip(frames)[None], {})[0] "
        "for frames in (stored[which], changed)\n)\n"
        f"effects.append({_effect('name', footage.shown)})\n"
    )
    lines = "".join(f"    {line}\n" for line in body.splitlines())
    return Card(
        key="change-time",
        title="What you should see",
        sentence=interventions.what_to_see(effects),
        figure=figures.answers_before_and_after(effects, told),
        definition=f"**{change.label}.** {change.rule}\n{RINGS}",
        code=f"{footage.imports}effects = []\nfor name, path in {{\n{files}}}.items():\n{lines}\n"
        f"figures.answers_before_and_after(effects, {told!r})",
        table=interventions.effects_table(effects),
    )


def answers_over_settings(
    effect: Effect, step: Step, layers: Sequence[str] | None, footage: Footage, path: str, evidence: str
) -> Card:
    """The answers of a network to a clip with its own kernels and with others; `evidence` says what became of that.

    Without `layers` it is every layer.
    """
    setting = SETTINGS[step.setting]
    told = setting.told(step.blend)
    blend = f", blend={step.blend:g}" if setting.takes_blend else ""
    return Card(
        key="change-network",
        title="What you should see",
        sentence=f"{interventions.what_to_see([effect])} {evidence}",
        figure=figures.answers_before_and_after([effect], told),
        definition=f"**{setting.label.capitalize()}.** {setting.rule}\n{RINGS}",
        code=f"{footage.imports}{_import_of_layers(layers)}"
        f"model, header = checkpoint.load_model({path!r})\n{footage.code()}"
        f"starts = interventions.stored_starts({path!r})\n"
        f"{_layers(layers)}"
        f"changed = interventions.changes(model, layers, {step.setting!r}{blend}, starts=starts)\n"
        "clip = to_clip(stored[which])[None]\n"
        "before, after = (interventions.answers(model, clip, weights)[0] for weights in ({}, changed))\n"
        f"effect = {_effect(repr(effect.network), footage.shown)}\n"
        f"figures.answers_before_and_after([effect], {told!r})",
        table=interventions.effects_table([effect]),
    )


def mirrored_and_reversed(law: MirrorLaw, effect: Effect, footage: Footage, path: str) -> Card:
    """What a network answers to the clip reversed, and mirrored to the same; `effect` tells of network and clip."""
    effects = law.effects(effect.classes, effect.twins, effect.shown)
    return Card(
        key="mirror",
        title="Mirror the kernels, reverse the clip",
        sentence=law.finding(),
        figure=figures.answers_before_and_after(effects, "after"),
        definition=MIRROR + RINGS,
        code=f"{footage.imports}"
        f"model, header = checkpoint.load_model({path!r})\n{footage.code()}"
        "law = interventions.mirror_law(model, to_clip(stored[which])[None])\n"
        f"effects = law.effects(header.classes, header.twins, {effect.shown})\n"
        "figures.answers_before_and_after(effects, 'after')",
        table=interventions.effects_table(effects),
    )


def accuracy_over_time(table: pd.DataFrame, examined: Sequence[Examined]) -> Card:
    """The accuracy of networks under the usual changes of time, from `interventions.time_accuracy`."""
    files = "".join(f"    {one.name!r}: {one.path!r},\n" for one in examined)
    clips = "".join(f"    interventions.{one.clips!r},\n" for one in examined)
    return Card(
        key="change-time-accuracy",
        title="Over the data set",
        sentence=interventions.time_finding(table),
        figure=figures.accuracy_by_change(table),
        definition=OVER_THE_DATA,
        code=f"{LABELLED_IMPORTS}files = {{\n{files}}}\nclips = [\n{clips}]\n"
        "networks = [\n    interventions.Network(name=name, model=checkpoint.load_model(path)[0]) "
        "for name, path in files.items()\n]\n"
        "table = interventions.time_accuracy(networks, clips)\n"
        "figures.accuracy_by_change(table)",
        table=table,
    )


def accuracy_over_settings(
    table: pd.DataFrame, step: Step, layers: Sequence[str] | None, examined: Examined
) -> list[Card]:
    """The accuracy in every setting, and over the blend where there is one, from `interventions.settings_accuracy`.

    Without `layers` it is every layer.
    """
    settings = list(dict.fromkeys(table["setting"]))
    chance = 1 / examined.clips.num_classes
    blended = SETTINGS[step.setting].takes_blend
    marked = "learned" if blended else step.setting
    counted = (
        f"{LABELLED_IMPORTS}{_import_of_layers(layers)}{examined.code()}{_layers(layers)}"
        f"steps = interventions.every_step({settings!r})\n"
        "table = interventions.settings_accuracy(network, layers, steps, clips)\n"
    )
    rules = "\n".join(f"- **{SETTINGS[setting].label}**: {SETTINGS[setting].rule}" for setting in settings)
    cards = [
        Card(
            key="settings",
            title="Every setting",
            sentence=interventions.settings_finding(table),
            figure=figures.setting_bars(table, chance, marked),
            definition=f"{rules}\n{LABELLED}",
            code=f"{counted}figures.setting_bars(table, {examined.chance}, {marked!r})",
            table=table,
        )
    ]
    if "blend" in settings:
        blend = step.blend if blended else 1.0
        cards.append(
            Card(
                key="blend",
                title="From the start to what was learned, and beyond",
                sentence=interventions.blend_finding(table),
                figure=figures.blend_curve(table, blend, chance),
                definition=BLEND,
                code=f"{counted}figures.blend_curve(table, {blend!r}, {examined.chance})",
                table=where(table, (table["setting"] == "blend").to_numpy()),
            )
        )
    return cards


def need_of_layer(table: pd.DataFrame, layer: str, block: str, examined: Examined) -> Card:
    """What one layer is worth, from `interventions.is_it_needed`; `block` is its short name."""
    return Card(
        key=f"need-{block}",
        title=f"The accuracy without the kernels of {block}",
        sentence=interventions.need_in_detail(table),
        figure=figures.setting_bars(table, 1 / examined.clips.num_classes, "learned"),
        definition=NEED,
        code=f"{LABELLED_IMPORTS}{examined.code()}"
        f"table = interventions.is_it_needed(network, [{layer!r}], clips)\n"
        f"figures.setting_bars(table, {examined.chance}, 'learned')",
        table=table,
    )


def need_of_all(table: pd.DataFrame, names: Mapping[str, str], examined: Examined) -> Card:
    """What every layer is worth, worst on top; `names` are the layers' short ones."""
    return Card(
        key="need",
        title="Every layer, the one that is missed most on top",
        sentence=interventions.layers_finding(table, names),
        figure=figures.damage_by_layer(table, names, 1 / examined.clips.num_classes),
        definition=NEED,
        code=f"{LABELLED_IMPORTS}from analysis.formatting import block_names\n"
        "from gte.models import temporal_layers\n\n"
        f"{examined.code()}names = block_names(temporal_layers(model))\n"
        "table = interventions.is_it_needed(network, list(names), clips)\n"
        f"figures.damage_by_layer(table, names, {examined.chance})",
        table=table,
    )
