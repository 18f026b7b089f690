"""Toy answers to test clips: tables in which a chosen number of clips is lost or gained."""

import pandas as pd
import torch

from analysis.interventions.accuracy import compare_answers
from analysis.interventions.labelled_clips import LabelledClips
from analysis.statistics import holm

FIFTY_SIX = LabelledClips(dataset="motionpairs", num_clips=56, num_frames=4, size=32)


def toy_table(lost: dict[tuple[str, str], int], clips: LabelledClips = FIFTY_SIX, right: int = 56) -> pd.DataFrame:
    """A table as of `layer_ablation`, with so many lost clips by layer and setting; a negative number is gained."""
    labels, twins = clips.labels(), clips.twins()
    trained = torch.cat([labels[:right], twins[right:]])
    rows = []
    for layer in dict.fromkeys(layer for layer, _ in lost):
        rows.append({"layer": layer, "setting": "learned", **compare_answers(trained, trained, clips)})
        for (name, setting), count in lost.items():
            after = trained.clone()
            changed = slice(0, count) if count >= 0 else slice(right, right - count)
            after[changed] = (twins if count >= 0 else labels)[changed]
            if name == layer:
                rows.append({"layer": layer, "setting": setting, **compare_answers(trained, after, clips)})
    asked = iter(holm([row["p_value"] for row in rows if row["setting"] != "learned"]))
    return pd.DataFrame([row | {"p_holm": 1.0 if row["setting"] == "learned" else next(asked)} for row in rows])
