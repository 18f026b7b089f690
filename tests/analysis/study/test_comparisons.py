"""Claims of the paper: said to hold, to be contradicted, or not to be told, by what made-up trainings show."""

import pytest

from analysis.study import recordings, reported
from analysis.study.cards import Measured
from analysis.study.comparisons import VERDICT_WORDS, comparisons_table, in_words, verdicts
from analysis.study.results import load
from tests.analysis.study.made_up import ACCURACIES, SEEDS, write


def measured(folder, accuracies=ACCURACIES, **seeds) -> Measured:
    write(folder, accuracies, dict.fromkeys(accuracies, SEEDS) | seeds, num_clips=1400)
    study = load(folder)
    assert study is not None
    return Measured(study)


def verdict_of(item: Measured, first: str, second: str) -> str:
    return next(
        other.verdict for other in item.comparisons if (other.question.first, other.question.second) == (first, second)
    )


@pytest.mark.parametrize(("gte", "verdict"), [(0.95, "shown"), (0.6, "opposite"), (0.861, "cannot tell")])
def test_a_claim_holds_is_contradicted_or_is_not_told(tmp_path, gte, verdict):
    item = measured(tmp_path, {"c2d": 0.45, "tsm": 0.86, "gte": gte})
    assert verdict_of(item, "gte", "tsm") == verdict
    assert verdict_of(item, "gte", "gst") == "not measured"
    opening = {"shown": "Agrees with", "opposite": "Disagrees with", "cannot tell": "Cannot tell"}[verdict]
    count, sentence = verdicts(item.comparisons)
    assert count.startswith("Of 1 claim of the paper on accuracies")
    assert sentence.startswith(opening)
    # That C2D is less accurate follows from the classes; the paper does not say it.
    assert "C2D" not in sentence
    words = {"shown": "more often than", "opposite": "less often than", "cannot tell": "cannot tell it from"}
    assert words[verdict] in item.headline
    assert all(other not in item.headline for key, other in words.items() if key not in (verdict, "shown"))


def test_one_training_of_each_tells_nothing_of_another_one(tmp_path):
    item = measured(tmp_path, {"tsm": 0.6, "gte": 0.95}, tsm=(0,), gte=(0,))
    assert verdict_of(item, "gte", "tsm") == "cannot tell"
    [row] = comparisons_table(item.comparisons).to_dict("records")
    assert (row["pairs_won"], row["pairs"], row["trainings"]) == (1, 1, "1 and 1")
    assert "(one training of each)" in in_words(item.comparisons[1])
    assert "one training of each cannot tell it from TSM" in item.headline


def test_above_half_gte_needs_no_further_training_to_be_more_accurate_than_c2d(tmp_path):
    """C2D gives a clip and its reversal one answer, so no training of it exceeds 50 %."""
    seeds = {"c2d": (0,), "gte": (0,)}
    assert verdict_of(measured(tmp_path, {"c2d": 0.4, "gte": 0.9}, **seeds), "gte", "c2d") == "shown"
    assert verdict_of(measured(tmp_path, {"c2d": 0.4, "gte": 0.45}, **seeds), "gte", "c2d") == "cannot tell"


def test_measured_and_reported_are_two_columns_and_what_is_not_printed_is_said_to_be_missing(tmp_path):
    rows = measured(tmp_path, {"gte": 0.9, "gte-t-1-2": 0.9}).rows
    table = reported.figure_3a(rows).set_index("strategy")
    assert table.loc["LTS, 2D convolution (GTE)", "reported"] == "48.1 (Table 2)"
    assert table.loc["LTS alone"].tolist() == [reported.NOT_TRAINED, reported.NOT_PRINTED]
    shares = reported.figure_3b(rows).set_index("t")
    assert shares.loc["1/4", "params_paper_setting"] == "17.97 M"
    assert reported.share_finding(rows).endswith("The paper's text has them fall.")
    assert len(reported.tables_2_to_4()) == 15


def test_the_recordings_have_four_networks_of_three_trainings():
    table = recordings.recordings_table().set_index("network")
    assert table["seeds"].tolist() == [3, 3, 3, 3]
    assert table.loc["c2d", "top1"] == pytest.approx(0.679, abs=1e-3)
    assert "more often than C2D" in recordings.recordings_finding()


def test_a_study_under_way_says_how_many_runs_are_finished(tmp_path):
    item = measured(tmp_path, {"gte": 0.9})
    assert item.study.progress == f"3 of {item.study.num_planned} runs of the study are finished."
    assert set(VERDICT_WORDS) >= {other.verdict for other in item.comparisons}
