"""Cards of the page What if: each figure with its sentence, definition, code and numbers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from analysis.attribution.stored_clips import StoredClip
from analysis.interventions import accuracy, figures
from analysis.interventions.accuracy import ANSWERS, Step
from analysis.interventions.effects import ROUNDING, Effect, changes_in_words, effects_table
from analysis.interventions.experiments import kernel_effect, load_network, mirror_effects, time_effect
from analysis.interventions.kernel_edits import SETTINGS, MirrorLaw
from analysis.interventions.labelled_clips import LabelledClips
from analysis.interventions.layer_ablation import layer_ablation, layer_details, layers_finding
from analysis.interventions.time_edits import TIME_CHANGES, TimeChoice, in_words
from analysis.plotting.call import Call, Named
from analysis.plotting.card import Card
from analysis.plotting.rows import where

RINGS = f"""
A ring is the probability of a class before the change, a dot the probability after it. Shown are the true class, the
reversed class (the class of the clip played backwards, where one is declared), and the most probable others. The
difference of logits is the largest over all classes, relative to the largest logit before: up to {ROUNDING:g} is
rounding error, because numbers are added in another order.
"""
TEST_CLIPS = """
The dotted line is chance. A change of accuracy is tested on the clips whose answer became wrong (lost) or right
(gained). Scenes are compared, a clip and its reversal together: with one clip per scene this is the exact test of
McNemar.
"""
OVER_THE_DATA = """
The same clips under each change of time. **True class** is the class of the clip as filmed, **reversed class** the
class of the clip played backwards, which not every class has. A network that averages over frames without mixing them
gives the same answer to a reversed or shuffled clip.
"""
ABLATION = """
Only the kernels of this layer, or of all layers together, are replaced; everything else stays as trained.

- **Untrained shift** asks whether what the layer *learned* matters: its kernels are those from before training. They
  are not known for every layer.
- **Current frame only** asks whether it needs *other frames*: the trained weights of each kernel are summed at the
  current frame.
- **Zeroed** asks whether the network needs the *path*: the layer outputs zeros.

A dot is the number of clips that become wrong minus those that become right; the line is its 95 % interval
(Bonett and Price 2012). Scenes are the unit: a clip and its reversal count as one. The test is exact (McNemar's, where
there is one clip per scene), and p-values are corrected for all questions asked (Holm). A filled dot is significant at
5 %. A hollow dot says that **no difference was found**: the interval shows how large it may still be. One layer may be
replaceable because others do its work, so read the row of all layers as well.
"""
BLEND = """
The kernels W₀ + b·(W − W₀) over the blend b, with W₀ before and W after training: b = 0 is before training, 1 after
training, and above 1 the change continues in a straight line. The vertical line is the blend of the page, the dotted
line is chance.
"""
MIRROR = """
For a network whose other parts do not depend on the order of frames, reversing the clip and reversing every kernel in
time, (a1, a2, a3) to (a3, a2, a1), have the same effect: zero padding is the same at both ends. So doing both changes
nothing: in the lower panel every dot is in its ring.
"""


@dataclass(frozen=True, kw_only=True)
class Evaluated:
    """A network and its labelled clips, as snippets of code make them."""

    name: str
    path: str
    """The checkpoint's file, as code names it."""
    clips: LabelledClips

    @property
    def network(self) -> Call:
        """The call that loads the network."""
        return Call(load_network, self.name, self.path)

    @property
    def num_classes(self) -> int:
        """Classes of the clips."""
        return self.clips.num_classes


def answers_over_time(
    effects: Sequence[Effect], choice: TimeChoice, clip: StoredClip, paths: Mapping[str, str]
) -> Card:
    """Show the answers of networks to a clip before and after a change of time; `paths` are their files, by name."""
    change = TIME_CHANGES[choice.change]
    calls = [Call(time_effect, effect.network, paths[effect.network], clip, choice) for effect in effects]
    return Card(
        key="change-time",
        title="Change in probabilities",
        sentence=changes_in_words(effects),
        call=Call(figures.answers_before_and_after, Named("effects", calls, list(effects)), in_words(choice)),
        definition=f"**{change.label}.** {change.rule}\n{RINGS}",
        table=effects_table(effects),
    )


def answers_over_settings(
    effect: Effect, step: Step, layers: Sequence[str] | None, clip: StoredClip, path: str, evidence: str
) -> Card:
    """Show the answers of a network to a clip with its own and with changed kernels, by default in every layer.

    `evidence` is a sentence on the change of its evidence.
    """
    setting = SETTINGS[step.setting]
    blend = {"blend": step.blend} if setting.takes_blend else {}
    chosen = {} if layers is None else {"layers": list(layers)}
    call = Call(kernel_effect, effect.network, path, clip, step.setting, **blend, **chosen)
    return Card(
        key="change-network",
        title="Change in probabilities",
        sentence=f"{changes_in_words([effect])} {evidence}",
        call=Call(figures.answers_before_and_after, [Named("effect", call, effect)], setting.in_words(step.blend)),
        definition=f"**{setting.label.capitalize()}.** {setting.rule}\n{RINGS}",
        table=effects_table([effect]),
    )


def mirrored_and_reversed(law: MirrorLaw, effect: Effect, clip: StoredClip, path: str) -> Card:
    """Show the answers to the reversed clip, with and without reversed kernels; `effect` has the classes."""
    effects = law.effects(effect.classes, effect.twins, effect.shown)
    return Card(
        key="mirror",
        title="Reverse the kernels and the clip",
        sentence=law.finding(),
        call=Call(
            figures.answers_before_and_after, Named("effects", Call(mirror_effects, path, clip), effects), "after"
        ),
        definition=MIRROR + RINGS,
        table=effects_table(effects),
    )


def accuracy_over_time(table: pd.DataFrame, evaluated: Sequence[Evaluated]) -> Card:
    """Show the accuracy of networks under the usual changes of time, from `accuracy.time_accuracy`."""
    networks, clips = [item.network for item in evaluated], [item.clips for item in evaluated]
    return Card(
        key="change-time-accuracy",
        title="Over the data set",
        sentence=accuracy.time_finding(table),
        call=Call(
            figures.accuracy_by_change,
            Named(
                "table",
                Call(accuracy.time_accuracy, Named("networks", networks), Named("clips", clips)),
                table,
            ),
        ),
        definition=OVER_THE_DATA,
        table=table.drop(columns=ANSWERS),
    )


def accuracy_over_settings(
    table: pd.DataFrame, step: Step, layers: Sequence[str] | None, evaluated: Evaluated
) -> list[Card]:
    """Show the accuracy in every setting, and over the blend if there is one, from `accuracy.settings_accuracy`.

    `layers` are those that change, by default every layer.
    """
    settings = list(dict.fromkeys(table["setting"]))
    blended = SETTINGS[step.setting].takes_blend
    chosen = None if layers is None else list(layers)
    counted = Call(
        accuracy.settings_accuracy,
        Named("network", evaluated.network),
        chosen,
        Call(accuracy.every_step, settings),
        Named("clips", evaluated.clips),
    )
    known = Named("table", counted, table)
    marked = "learned" if blended else step.setting
    rules = "\n".join(f"- **{SETTINGS[setting].label}**: {SETTINGS[setting].rule}" for setting in settings)
    cards = [
        Card(
            key="settings",
            title="Every setting",
            sentence=accuracy.settings_finding(table),
            call=Call(figures.setting_bars, known, evaluated.num_classes, marked),
            definition=f"{rules}\n{TEST_CLIPS}",
            table=table.drop(columns=ANSWERS),
        )
    ]
    if "blend" in settings:
        blend = step.blend if blended else 1.0
        cards.append(
            Card(
                key="blend",
                title="Blending untrained and trained kernels",
                sentence=accuracy.blend_finding(table),
                call=Call(figures.blend_curve, known, blend, evaluated.num_classes),
                definition=BLEND,
                table=where(table, (table["setting"] == "blend").to_numpy()).drop(columns=ANSWERS),
            )
        )
    return cards


def ablation_of_layer(table: pd.DataFrame, layer: str, block: str, evaluated: Evaluated) -> Card:
    """Show the clips lost without one layer, from `layer_ablation` of it or of all; `block` is its short name."""
    rows = where(table, (table["layer"] == layer).to_numpy())
    asked = None if set(table["layer"]) != {layer} else [layer]
    return Card(
        key=f"ablation-{block}",
        title=f"Clips lost without the kernels of {block}",
        sentence=layer_details(table, layer),
        call=Call(figures.losses_of_layer, _ablation(table, asked, evaluated), layer),
        definition=ABLATION,
        table=rows.drop(columns=ANSWERS),
    )


def ablation_of_all(
    table: pd.DataFrame, names: Mapping[str, str], evaluated: Evaluated, marked: str | None = None
) -> Card:
    """Show the clips lost without each layer, from `layer_ablation`; `names` are the layers' short ones."""
    return Card(
        key="ablation",
        title="Every layer",
        sentence=layers_finding(table, names),
        call=Call(figures.losses_by_layer, _ablation(table, None, evaluated), marked),
        definition=ABLATION,
        table=table.drop(columns=ANSWERS),
    )


def _ablation(table: pd.DataFrame, layers: list[str] | None, evaluated: Evaluated) -> Named:
    network, clips = Named("network", evaluated.network), Named("clips", evaluated.clips)
    return Named("table", Call(layer_ablation, network, layers, clips), table)
