"""The recipes of CONTRIBUTING, followed to the letter in a copy of the repository."""

import json
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from safetensors.torch import save_file

from gte.data.video.writing import write_video
from gte.models.resnet import STAGE_DEPTHS
from tests.published import WIDTH, flat_resnet

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1200)]

ROOT = Path(__file__).parents[1]

OPERATOR = '''

class TwoTapAverage(TemporalKernel):
    """A dense (3, 1, 1) convolution that starts as the average of the previous frame and this one."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        weight = torch.zeros(out_channels, in_channels, TAPS, 1)
        weight[range(out_channels), [output % in_channels for output in range(out_channels)], :2] = 1 / 2
        self.weight = nn.Parameter(weight)
        self.bias: nn.Parameter | None = None

    def forward(self, x: Float[Tensor, "nt i h w"], num_frames: int) -> Float[Tensor, "nt o h w"]:
        return convolve_in_time(x, self.weight, num_frames, bias=self.bias)

    def inflate(self, weight: Float[Tensor, "o i 1 1"]) -> dict[str, Tensor]:
        return {"weight": torch.cat([weight / 2, weight / 2, torch.zeros_like(weight)], dim=2)}

    def absorb(self, scale: Float[Tensor, " o"], shift: Float[Tensor, " o"]) -> bool:
        self.weight = nn.Parameter(self.weight * scale.view(-1, 1, 1, 1))
        self.bias = nn.Parameter(shift if self.bias is None else shift + scale * self.bias)
        return True
'''

DESIGN = '''

@dataclass(frozen=True, kw_only=True)
class TwoTap(FrameByFrame):
    """two_tap: the average of two frames in place of the 1x1 at the entrance of every bottleneck."""

    def build_conv1(self, in_channels: int, width: int, shifts: bool = True) -> TemporalOperator:
        return TwoTapAverage(in_channels, width)
'''

ROW = """    "two_tap": ResNetConfig(label="Two taps", paper="A toy", note="A toy.", temporal=TwoTap()),
"""

STEP = """
import sys
from pathlib import Path

from gte.data.motionpairs import dataset
from gte.train import train
from gte.train_config import TrainConfig

dataset.SPLITS = {"train": 64, "val": 14, "test": 28}
weights, width, out = sys.argv[1:]
sizes = {"num_frames": 2, "size": 32, "clips_per_epoch": 4, "batch_size": 4, "epochs": 1, "num_workers": 0}
train(TrainConfig(model="two_tap", model_options=("depth=26", width), pretrained=weights, out=Path(out), **sizes))
"""
"""A training step from 2D weights."""

PAGE = '''"""Toy: the number of networks."""

import streamlit as st

from gte.models import MODELS


def render() -> None:
    """Draw the page below its header."""
    st.metric("Networks", len(MODELS))
'''

ENTRY = """    "toy_page": PageSpec(
        key="toy_page", title="Toy", url_path="toy", question="How many networks are there?", module="app.pages.toy"
    ),
"""

METHOD = '''"""Toy: the output of a block times its gradient."""

from jaxtyping import Float
from torch import Tensor, nn

from analysis.attribution.hooks import read_output_and_gradient


def toy_map(
    model: nn.Module, clip: Float[Tensor, "1 3 t h w"], target: int, layer: str, *, contrast: int | None = None
) -> Float[Tensor, "t2 h2 w2"]:
    """Multiply every cell of a block's output by its gradient."""
    activation, gradient = read_output_and_gradient(model, layer, clip, target, contrast)
    return (gradient * activation).sum(dim=1)[0]
'''

METHOD_ENTRY = """    "toy_method": Method(
        label="Toy", paper="A toy", note="A toy.", convention="output times gradient", attribute=toy_map
    ),
"""

DATASET = '''"""Toy: videos named as their class."""

from pathlib import Path

from gte.data import Split
from gte.data.listing import DataOptions, ListedClip, Listing


def read(root: Path, split: Split, options: DataOptions) -> Listing:
    """List the videos of a split, of which each has its class before the first hyphen of its name."""
    paths = sorted((root / split).glob("*.mp4"))
    classes = tuple(sorted({path.stem.split("-")[0] for path in paths}))
    clips = (
        ListedClip(clip_id=path.stem, path=path, label=classes.index(path.stem.split("-")[0])) for path in paths
    )
    return Listing(classes=classes, clips=tuple(clips), twins={"pull": "push", "push": "pull"}, flip={})
'''

DATASET_ENTRY = """    "toy_data": DatasetConfig(label="Toy", note="A toy.", source="gte.data.toy:read"),
"""

SMALL_DATASET = """

def toy_data(root: Path) -> None:
    for split in ("train", "val", "test"):
        for number, name in enumerate(("pull-0", "push-0")):
            write_clip(root / split / f"{name}.mp4", number + 1)


LAYOUTS["toy_data"] = Layout("toy_data", toy_data, {"train": 2, "val": 2, "test": 2})
"""


@dataclass(frozen=True)
class Copy:
    """A copy of the repository, and what runs in it."""

    folder: Path

    def append(self, path: str, text: str) -> None:
        with (self.folder / path).open("a") as file:
            file.write(text)

    def insert(self, path: str, before: str, text: str) -> None:
        """Insert a text before another that a file has once."""
        whole = (self.folder / path).read_text()
        assert whole.count(before) == 1
        (self.folder / path).write_text(whole.replace(before, text + before))

    def python(self, *arguments: str) -> str:
        """Run Python in the copy and return what it printed."""
        done = subprocess.run([sys.executable, *arguments], cwd=self.folder, capture_output=True, text=True)
        assert done.returncode == 0, f"{' '.join(arguments)}\n{done.stdout[-6000:]}\n{done.stderr[-6000:]}"
        return done.stdout

    def passed(self, *arguments: str) -> list[str]:
        """Run the tests that these arguments choose, all of which must pass; return their names."""
        out = self.python("-m", "pytest", "-v", "-x", "-p", "no:cacheprovider", *arguments)
        return [line.partition(" PASSED ")[0] for line in out.splitlines() if " PASSED " in line]


def copied(folder: Path) -> Copy:
    """Copy what git knows of, and what is compiled of it already."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    files = [Path(name) for name in listed.split("\0") if name]
    for parent in {file.parent for file in files}:
        (folder / parent).mkdir(parents=True, exist_ok=True)
        if (compiled := ROOT / parent / "__pycache__").is_dir():
            shutil.copytree(compiled, folder / parent / "__pycache__")
    for file in files:
        # With its time, by which Python knows that what was compiled is of this file.
        shutil.copy2(ROOT / file, folder / file)
    return Copy(folder)


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Copy:
    """A copy to which a network, a data set, a page and a method have been added, as the recipes say."""
    copy = copied(tmp_path_factory.mktemp("recipes") / "copy")

    copy.append("gte/models/temporal.py", OPERATOR)
    copy.insert("gte/models/designs.py", "    TemporalConv,\n", "    TwoTapAverage,\n")
    copy.append("gte/models/designs.py", DESIGN)
    copy.insert("gte/models/__init__.py", "    WithDepthwiseShift,\n", "    TwoTap,\n")
    copy.insert("gte/models/__init__.py", '    "i3d": ResNetConfig(', ROW)

    copy.append("gte/data/toy.py", DATASET)
    copy.insert("gte/data/__init__.py", '    "list": DatasetConfig(', DATASET_ENTRY)
    copy.append("tests/gte/data/published.py", SMALL_DATASET)

    copy.append("app/pages/toy.py", PAGE)
    copy.insert("app/navigation.py", '    "library": PageSpec(', ENTRY)

    copy.append("analysis/attribution/toy.py", METHOD)
    table = "analysis/attribution/methods.py"
    copy.insert(table, "\n\nclass Attribute(", "from analysis.attribution.toy import toy_map\n")
    copy.insert(table, '    "randomcam": Method(', METHOD_ENTRY)
    return copy


@pytest.fixture(scope="module")
def passed(copy: Copy) -> list[str]:
    """The tests of the copy's contracts for what was added, after all of them have passed in one run."""
    places = ("tests/gte", "tests/analysis", "tests/app/test_pages.py")
    return copy.passed(*places, "-k", "two_tap or toy_data or toy_page or toy_method", "-m", "not slow")


def test_a_network_with_a_new_operator_is_an_operator_a_design_and_a_line(copy, passed, tmp_path):
    assert sum("two_tap" in name for name in passed) > 30

    [counted] = json.loads(copy.python("-m", "analysis.complexity", "--models", "two_tap", "--json"))
    # As i3d, whose 3x1x1 in the same place has as many taps.
    assert round(counted["params"] / 1e6, 3) == 32.524

    weights = tmp_path / "flat.safetensors"
    save_file(flat_resnet(STAGE_DEPTHS[26]).state_dict(), weights)
    copy.python("-c", STEP, str(weights), f"base_width={WIDTH}", str(tmp_path / "run"))


def test_a_data_set_is_a_file_an_entry_and_a_small_one(passed):
    trained = [name for name in passed if "toy_data" in name and "a_layout_trains_a_step" in name]
    assert sum("toy_data" in name for name in passed) >= 5
    assert trained


def test_a_page_is_a_file_and_an_entry(passed):
    assert sum("every_page_opens" in name and "toy_page" in name for name in passed) == 2


def test_an_attribution_method_is_a_file_and_a_line(copy, passed, tmp_path):
    assert sum("toy_method" in name for name in passed) >= 4
    clip = tmp_path / "clip.webm"
    write_video(clip, np.random.default_rng(0).integers(0, 256, (8, 48, 48, 3), dtype=np.uint8), fps=8)
    copy.python(
        *("-m", "analysis.attribution", "checkpoints/gte-tiny.safetensors", str(clip)),
        *("--method", "toy_method", "--out", str(tmp_path / "toy.npz")),
    )
    assert (tmp_path / "toy.npz").is_file()


def test_pyright_names_what_a_new_operator_lacks(tmp_path):
    copy = copied(tmp_path / "copy")
    lacking = OPERATOR[: OPERATOR.index("    def absorb")]
    copy.append("gte/models/temporal.py", f"{lacking}\n\noperator = TwoTapAverage(4, 4)\n")
    done = subprocess.run(
        [sys.executable, "-m", "pyright", "--pythonpath", sys.executable, "gte/models/temporal.py"],
        cwd=copy.folder,
        capture_output=True,
        text=True,
    )
    assert 'Cannot instantiate abstract class "TwoTapAverage"' in done.stdout
    assert '"TemporalOperator.absorb" is not implemented' in done.stdout
