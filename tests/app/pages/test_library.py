"""Library: what the finding says of the accuracies of several checkpoints."""

from app.pages.library import accuracy_finding
from gte.checkpoint_header import CheckpointHeader


def header(val_top1: float | None, dataset: str = "motionpairs") -> CheckpointHeader:
    return CheckpointHeader(
        model="gte",
        options={},
        num_params=1,
        layers=(),
        dataset=dataset,
        classes=("moves left", "moves right"),
        twins=(1, 0),
        num_frames=8,
        size=32,
        metrics=() if val_top1 is None else ({"val_top1": val_top1},),
    )


def test_checkpoints_that_tie_are_all_named():
    headers = {"a": header(0.9), "b": header(0.90001), "c": header(0.5), "d": header(None)}
    assert accuracy_finding(headers) == ("4 checkpoints. Highest validation accuracy: 90 % on MotionPairs (a and b).")
    assert "(4 checkpoints)" in accuracy_finding({name: header(1.0) for name in "abcd"})


def test_accuracies_on_different_data_are_not_compared():
    text = accuracy_finding({"a": header(0.9), "b": header(0.5, "mine"), "c": header(0.7, "x")})
    assert text == (
        "3 checkpoints. Highest validation accuracy: 90 % on MotionPairs (a); 50 % on mine (b); 70 % on x (c)."
    )
    many = accuracy_finding({name: header(0.9, name) for name in "abcd"})
    assert many == "4 checkpoints, trained on 4 data sets, whose accuracies are not comparable."


def test_without_accuracies_none_is_said_to_be_the_highest():
    assert accuracy_finding({"a": header(None)}) == "One checkpoint, none with a known accuracy."
