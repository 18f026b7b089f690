"""Units and meanings of the columns of exported tables: one dictionary for every CSV file."""

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Final

import pandas as pd


@dataclass(frozen=True)
class Column:
    """A column of exported tables, or several whose names follow one rule."""

    name: str
    """Its name, or a regular expression that names match as a whole."""
    unit: str
    """Empty for names, texts and answers of yes or no; "1" for ratios, shares and others without a dimension."""
    meaning: str
    beside: str = ""
    """A column that a table must have as well, where tables use one name for different things."""


TAP: Final = r"t(?:[+-]\d+)?"

COLUMNS: Final[tuple[Column, ...]] = (
    # Names with another meaning in one table.
    Column("top1|top5", "percent", "Reported share of clips with the right class first, or among five", beside="who"),
    Column("top1", "1", "Share of test clips with a right answer", beside="reversed_to_twin"),
    Column("clips", "clips", "Test clips of the class that are given this answer", beside="answer"),
    Column("row", "", "Name of the network's row in the study", beside="label"),
    Column("row", "", "Name of the network's row in the study", beside="reversed_to_twin"),
    Column("t", "1", "Share of the output channels of the temporal path, as a fraction", beside="with_head"),
    Column("difference", "count", "Parameters by the formula minus those of the operator as built", beside="built"),
    Column("clips|crops|classes", "count", "Clips of each video, crops of each clip, classes", beside="who"),
    # Of every topic.
    Column("checkpoint", "", "Name of the checkpoint"),
    Column("network", "", "Name of the network or of its checkpoint"),
    Column("name", "", "Name of the network on the command line"),
    Column("label", "", "Name of the network as shown"),
    Column("layer", "", "Path of the layer in the state_dict, or within its block"),
    Column("block", "", "Short name of the layer or block"),
    Column("note", "", "What to know about the row"),
    Column("series", "", "Name of the curve, of the bars or of the points in the figure"),
    Column("x|y|z", "see x_axis, y_axis", "Coordinates or values as drawn; the columns x_axis and y_axis name them"),
    Column("x_axis|y_axis", "", "Title of the axis, with its unit"),
    Column("a|b|c", "1", "Shares of the present, of the past and of the future taps in the size of all taps"),
    # Kernels.
    Column("step", "training steps", "Training step of the snapshot"),
    Column("outputs", "channels", "Output channels of the layer or operator"),
    Column("back|now|ahead|averages|subtracts|mixed", "1", "Share of the output channels that do this at the snapshot"),
    Column("combined", "1", "Share of the output channels that average or subtract frames or are mixed"),
    Column("(back|now|ahead|averages|subtracts|mixed|combined)0", "1", "The same share before training"),
    Column(
        "stopped_(back|now|ahead|averages|subtracts|mixed)",
        "count",
        "Output channels that did this before training and do something else at the snapshot",
    ),
    Column(
        "began_(back|now|ahead|averages|subtracts|mixed)",
        "count",
        "Output channels that do this at the snapshot and did something else before training",
    ),
    Column("changed", "count", "Output channels that do something else than before training"),
    Column("silent", "count", "Output channels whose taps are all zero"),
    Column("undefined", "count", "Output channels whose taps hold NaN or infinity"),
    Column("centre_of_mass", "frames", "Centre of mass of the taps, negative in the past; of a layer the mean"),
    Column("centre_of_mass0", "frames", "The same before training"),
    Column("centre_shift", "frames", "Mean distance of the centres of mass from those before training"),
    Column("drift", "1", "|W - W0| / |W0|, with W0 the weights before training"),
    Column("cosine", "1", "Cosine of W and W0: 1 if the weights only grew or shrank"),
    Column("drift_tap", "1", "Share of |W - W0|² in the entries that are not zero in W0"),
    Column("drift_softening", "1", "Share of |W - W0|² in other taps of the input channels that W0 reads"),
    Column("drift_mixing", "1", "Share of |W - W0|² in input channels that W0 does not read"),
    Column("weights_(tap|softening|mixing)", "count", "Weights of the layer in this part"),
    Column("rms_(tap|softening|mixing)", "weight", "Root mean square of W - W0 over the weights of this part"),
    Column("output", "", "Index of the output channel, from 0"),
    Column("own_input", "", "Index of the one input channel that the output channel reads before training"),
    Column("kind", "", "What the output channel does at the snapshot"),
    Column("kind0", "", "The same before training"),
    Column(TAP, "weight", "Tap of this frame at the snapshot, as the figure's definition reads it"),
    Column(f"{TAP}0", "weight", "The same before training"),
    Column("norm", "weight", "Euclidean norm of the kernel over all input channels"),
    Column("line", "", "measured by gradients, or along the kernels as learned or before training (start)"),
    Column("spread", "frames", "Reach after the block: root mean square of the offsets, weighted by the shares"),
    Column("low|high", "frames", "Smallest and largest reach of a single clip", beside="spread"),
    Column("offset", "frames", "Offset from the frame in question, negative in the past"),
    Column(r".+ \(\d+\)", "as the first", "Value of this checkpoint minus that of the first one"),
    Column("output channel of .+", "", "Index of the output channel in this checkpoint, from 0"),
    Column("correlation", "1", "Correlation of the responses of the two output channels to the same clips"),
    Column("type in .+", "", "Type of the output channel in this checkpoint"),
    Column("centre in .+", "frames", "Centre of mass of the taps in this checkpoint"),
    Column("lost", "clips", "Clips lost minus clips gained by the setting of the kernels", beside="drift"),
    Column("low|high", "clips", "Ends of the 95 % interval of that difference, over scenes", beside="drift"),
    # Evidence.
    Column("row", "", "Row of the film strip"),
    Column("frame", "", "Position of the frame among those given to the network, from 1"),
    Column("frame_name", "", "Name of the frame above the film strip"),
    Column("frame_share", "1", "Share of the row's evidence in this frame"),
    Column("(mean|smallest|largest)_value", "as in the network", "Value of the feature map in this frame"),
    Column("maximum", "1", "Largest evidence of the frame; 1 is the end of the colour scale"),
    # What if.
    Column("class", "", "Name of the class"),
    Column("role", "", "Role of the class in the figure, or of the operator in the block"),
    Column("probability_before|probability_after", "1", "Probability of the class before and after the change"),
    Column("logit_before|logit_after", "logit", "Logit of the class before and after the change"),
    Column("change|setting", "", "Change of time, or setting of the kernels"),
    Column("blend", "1", "Position between the kernels before training (0) and the learned ones (1)"),
    Column("num_clips", "clips", "Clips that were judged"),
    Column("right", "clips", "Clips with a right answer after the change"),
    Column("twin", "clips", "Clips answered with the reversed class after the change"),
    Column("with_twin", "clips", "Judged clips whose class has a reversed class"),
    Column("top1", "1", "Share of right answers"),
    Column("unchanged", "clips", "Clips with the same answer as before the change"),
    Column("lost", "clips", "Clips that were right before the change only"),
    Column("gained", "clips", "Clips that are right after the change only"),
    Column("num_scenes", "scenes", "Scenes of the judged clips: a clip and its reversal are one"),
    Column("low|high", "clips", "Ends of the 95 % interval of lost minus gained clips", beside="gained"),
    Column("p_value", "1", "Exact test of lost against gained over scenes; with one clip per scene that of McNemar"),
    Column("p_holm", "1", "The p-value of that test, corrected for all questions of the table by Holm's method"),
    Column("flipped", "clips", "Clips answered with the reversed class of the answer before the change"),
    Column("could_flip", "clips", "Clips whose answer before the change has a reversed class"),
    # Results.
    Column("seed", "", "Seed of the training"),
    Column("data", "", "Name of the data set"),
    Column("loss", "nats", "Mean cross-entropy over the clips"),
    Column("reversed_to_twin", "1", "Share of clips whose reversal is given the reversed class of their own answer"),
    Column("clips_seen", "clips", "Clips that the training took"),
    Column("macs_spent", "MACs", "Clips seen, times the MACs of one clip forwards, times 3 for a training step"),
    Column("epoch", "epochs", "Epochs of the training"),
    Column("val_top1", "1", "Share of validation clips with a right answer"),
    Column("pair", "", "Pair of classes, each the reversal of the other"),
    Column("answer", "", "Class that is given to the clips"),
    Column(
        "turned|same|other", "1", "Share of clips whose answer becomes the reversed, stays the same, or a third class"
    ),
    Column("spread0", "frames", "Reach after the block before training"),
    Column("claim|claimed_by", "", "Which network is said to be more accurate, and where"),
    Column("points|points_low|points_high", "percentage points", "Difference of accuracies, and its 95 % interval"),
    Column("p_seeds|p_seeds_holm", "1", "Welch's t-test over trainings; corrected by Holm's method for all claims"),
    Column("trainings", "", "Trainings of each of the two networks"),
    Column(
        "pairs|pairs_won|pairs_lost", "count", "Pairs of networks with one seed; in how many each is right more often"
    ),
    Column("reversed_given_twin", "1", "Share of the pair's clips, reversed, that are given the reversed class"),
    Column("seconds", "s", "Time of the training"),
    # Architectures.
    Column("frames", "frames", "Frames of the clip"),
    Column("height|width|size", "pixels", "Height and width of the clip"),
    Column("clip", "", "Frames x height x width of the clip"),
    Column("at_native", "", "True if the clip is the network's native one and not the chosen one"),
    Column("params|params_counted|parameters", "count", "Learnable numbers"),
    Column("macs", "MACs", "Multiply-accumulates of one clip, or of all views"),
    Column("macs_conv_linear", "MACs", "Multiply-accumulates of convolutions and linear layers alone"),
    Column("macs_torch", "MACs", "Those of convolutions and linear layers by the formulas of torch, as a check"),
    Column("macs_temporal", "MACs", "Multiply-accumulates in kernels that span several frames"),
    Column("macs_counted", "MACs", "Multiply-accumulates of all views, as counted here"),
    Column("macs_printed", "10^9 MACs", "Cost of one view as printed by the source"),
    Column("agrees", "", "True if torch's formulas give the same count as fvcore"),
    Column("uncounted", "", "Operators that fvcore did not count, and how often each occurs"),
    Column("reason", "", "Why there is no count"),
    Column("views", "count", "Clips of each video times crops of each clip"),
    Column("with_head", "", "True if the classifier is counted"),
    Column("part", "", "Stage or block"),
    Column("C_i|C_o|inputs", "channels", "Input and output channels"),
    Column("kernel", "", "Frames x rows x columns of the kernel"),
    Column("input_size|output_size|shape", "", "Frames, height and width; or channels, frames, height and width"),
    Column("share", "1", "Share of the whole"),
    Column("operator", "", "Operator of the block"),
    Column("path", "", "Path of the operator in its block"),
    Column("stride", "", "Stride in frames, rows and columns"),
    Column("then", "", "Operations that follow directly"),
    Column("reads_other_frames", "", "True if the operator reads other frames"),
    Column("in_table_1", "", "True if the formula is one of the paper's Table 1"),
    Column("formula|worked", "", "Formula of the parameters, and the same with numbers"),
    Column("value", "count", "Parameters by the formula"),
    Column("built|built_temporal", "count", "Parameters of the operator as built, and those of its temporal kernels"),
    Column("difference", "1", "Counted over reported figure, minus 1"),
    Column("of_c2d", "1", "Ratio of the formula's value to that of C2D"),
    Column(
        "what|who|where|quantity|verdict|printed", "", "Reported figure: of what, by whom, where, and how ours compares"
    ),
    Column("reported|counted", "count", "Reported figure and ours: parameters or MACs, as quantity says"),
    Column("depth", "layers", "Depth of the ResNet"),
    Column(
        "dataset|split|source|quoted_from", "", "Data set and split of a reported accuracy, its source, and whose it is"
    ),
    Column(
        "repeats|printed_differs", "", "True if another row has the figure; if printed and counted cost differ by 3 %"
    ),
    # Timing.
    Column("milliseconds|low|high", "ms", "Time of one pass: median and quartiles over the rounds"),
    Column("time_ratio|time_ratio_low|time_ratio_high", "1", "Ratio of times to the reference: median and quartiles"),
    Column("mac_ratio|time_per_mac", "1", "Ratio of MACs to the reference, and ratio of times over it"),
    Column("training_megabytes", "MB", "Peak memory that a training step adds to a process"),
    Column("rounds|batch|threads", "count", "Rounds, clips in a batch, threads"),
    Column("fused|machine|torch|date", "", "Whether BatchNorm was folded, processor, version of torch, date"),
)
"""Every column that a page or a command exports; the first that matches a name describes it."""


def describe(name: str, table: Collection[str] = ()) -> Column | None:
    """Return the description of a column of a table with these columns; None if no entry of COLUMNS matches."""
    return next(
        (
            column
            for column in COLUMNS
            if re.fullmatch(column.name, name) and (not column.beside or column.beside in table)
        ),
        None,
    )


def to_csv(table: pd.DataFrame) -> str:
    """Return a table as CSV, whose header has the units in brackets: "drift [1]", "offset [frames]"."""
    titles = {}
    for name in table.columns:
        column = describe(str(name), set(table.columns))
        titles[name] = f"{name} [{column.unit}]" if column and column.unit else str(name)
    return table.rename(columns=titles).to_csv(index=False)


def dictionary(tables: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """Return name, unit and meaning of every column of some tables, each once, in the order of the tables."""
    rows: dict[tuple[str, str], dict[str, str]] = {}
    for table in tables:
        for name in map(str, table.columns):
            column = describe(name, set(table.columns))
            unit, meaning = (column.unit, column.meaning) if column else ("", "")
            rows.setdefault((name, meaning), {"column": name, "unit": unit, "meaning": meaning})
    return pd.DataFrame(list(rows.values()), columns=pd.Index(["column", "unit", "meaning"]))
