"""How long the kernels page takes from a click or a drag until it is painted: `python -m tests.browser.speed`.

In one Chromium, in turns, against the rerun of a Streamlit page that holds a button and a number alone. The checkpoint
has the layers of a ResNet-50 and 24 snapshots; its kernels are random walks, because what they hold does not matter.
"""

import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import torch
from playwright.sync_api import Page

from gte.checkpoint import save
from gte.cli import run_command, say
from gte.kernel_history import snapshot_steps
from gte.kernel_snapshots import KernelSnapshots
from gte.models import build, configure
from gte.models.shift import shift_layers
from tests.browser import harness
from tests.tiny import tiny_header

EMPTY = """
import streamlit as st

st.button("Again", on_click=lambda: st.session_state.update(count=st.session_state.get("count", 0) + 1))
st.html(f'<p class="finding">{st.session_state.get("count", 0)}</p>')
"""

NEXT_FRAME = "() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))"
"""Resolves when what is in the document now has been painted."""


def save_large(path: Path) -> None:
    """A checkpoint of GTE at ResNet-50 size, about 95 MB."""
    torch.manual_seed(0)
    model = build("gte", num_classes=3)
    snapshots = KernelSnapshots.start(model)
    steps = snapshot_steps(4000)
    for step in steps[1:]:
        for layer in shift_layers(model).values():
            layer.weight.data += 0.01 * torch.randn_like(layer.weight)
        snapshots.record(step, model)
    options = configure("gte", num_classes=3).options()
    facts = {"options": options, "step": steps[-1], "size": 112, "num_frames": 8}
    save(path, tiny_header(path, "gte", model, **facts), model, snapshots)


def seconds_until(page: Page, act: Callable[[], object], script: str, argument: object = None) -> float:
    """From the act until the page's own condition holds and the next frame has been painted."""
    began = time.perf_counter()
    act()
    page.wait_for_function(script, arg=argument, polling=5)
    page.evaluate(NEXT_FRAME)
    return time.perf_counter() - began


def empty_rerun(page: Page) -> float:
    """One rerun of the page that holds next to nothing."""
    count = int(page.locator(".finding").inner_text())
    button = page.get_by_role("button", name="Again")
    return seconds_until(
        page, button.click, "(n) => document.querySelector('.finding').innerText === n", str(count + 1)
    )


IS_SHOWN = "(layer) => location.search.includes(`layer=${layer}`) && window.listWhatIsBusy().length === 0"


def layer_rerun(page: Page, layer: str) -> float:
    """Open another layer by clicking its row in the left drawing."""
    canvas = page.locator(".shares canvas")
    box = canvas.bounding_box()
    assert box is not None
    number = LAYERS.index(layer)
    # The rows fill the canvas below its head of 22 pixels.
    row = (box["height"] - 22) / len(LAYERS)
    height = 22 + (number + 0.5) * row
    return seconds_until(page, lambda: canvas.click(position={"x": 40, "y": height}), IS_SHOWN, layer)


LAYERS = tuple(f"layer{stage}.{block}" for stage, depth in ((1, 3), (2, 4), (3, 6), (4, 3)) for block in range(depth))


def snapshot_rerun(page: Page, direction: str) -> float:
    """Move the scrubber by one snapshot, by keyboard, and release it; the address tells the step."""
    before = page.url
    slider = page.get_by_role("slider", name="Snapshot of training")
    slider.focus()
    return seconds_until(
        page,
        lambda: page.keyboard.press(direction),
        "(before) => location.href !== before && window.listWhatIsBusy().length === 0",
        before,
    )


FOLLOWED = {
    "gte-tiny": "layer1.0&output=3",
    "study/tsm-seed0": "layer1.0&output=3",
    "study/gst-seed0": "layer1.0&output=3",
    "study/c3d-seed0": "layer1.0&output=3",
}
"""Shipped networks and the channels of them that are followed."""

# Streamlit answers while the next frames are painted: the words change in the same task as the maps.
DRAG = """
([words, slider, tap]) => new Promise((done) => {
  const began = performance.now();
  const watcher = new MutationObserver(() => {
    watcher.disconnect();
    requestAnimationFrame(() => requestAnimationFrame(() => done(performance.now() - began)));
  });
  watcher.observe(words, {childList: true, characterData: true, subtree: true});
  slider.value = tap;
  slider.dispatchEvent(new Event("input", {bubbles: true}));
})
"""


def drag(page: Page, tap: float) -> float:
    """Seconds from an input event of a tap's slider until its film has been painted."""
    words = page.locator(".channel .words").element_handle()
    slider = page.get_by_role("slider", name="Tap of the previous frame").element_handle()
    return page.evaluate(DRAG, [words, slider, tap]) / 1000


def measure_drags(browser: harness.Browser, drags: int) -> None:
    """Print the median and the slowest of so many drags of a tap, each to a value of its own."""
    print(f"Follow one channel, {drags} drags of a tap")
    with harness.serve() as app:
        for name, channel in FOLLOWED.items():
            with harness.watched_page(browser, app) as page:
                query = f"ckpt={name}&layer={channel}&clip=moves+right&view=Follow+one+channel"
                harness.open_page(page, f"/kernels?{query}")
                seconds = []
                for turn in range(drags):
                    seconds.append(drag(page, round(-0.9 + 0.04 * turn, 2)))
                    page.wait_for_timeout(100)
            print(f"  {name:<18} {1000 * statistics.median(seconds):6.0f} ms, slowest {1000 * max(seconds):.0f} ms")


def main(rounds: int = 11, drags: int = 20) -> None:
    """Print medians in milliseconds, and as ratios to the empty page's rerun.

    Args:
        rounds: How often everything is done; each layer and snapshot is opened for the first time then.
        drags: How often a tap of each followed channel is dragged.
    """
    with harness.chromium() as browser:
        measure_drags(browser, drags)
    if not rounds:
        return
    with tempfile.TemporaryDirectory() as folder, harness.chromium() as browser:
        empty = Path(folder) / "empty.py"
        empty.write_text(EMPTY)
        settings = empty.parent / ".streamlit" / "config.toml"
        settings.parent.mkdir()
        settings.write_text("[browser]\ngatherUsageStats = false\n")
        save_large(Path(folder) / "large" / "gte-large.safetensors")
        with harness.serve(empty) as bare, harness.serve(own_folder=Path(folder) / "large") as app:
            measure(browser, bare, app, rounds)


def measure(browser: harness.Browser, bare: harness.Server, app: harness.Server, rounds: int) -> None:
    """Take turns between the empty page and each tab of the kernels page."""
    for view in ("Layers", "One layer in detail"):
        times: dict[str, list[float]] = {"an empty page": [], "another layer": [], "another snapshot": []}
        with harness.watched_page(browser, bare) as simple, harness.watched_page(browser, app) as page:
            harness.open_page(simple)
            harness.open_page(page, f"/kernels?ckpt=large/gte-large&layer=layer1.0&view={view.replace(' ', '+')}")
            empty_rerun(simple)
            for turn in range(rounds):
                times["an empty page"].append(empty_rerun(simple))
                times["another layer"].append(layer_rerun(page, LAYERS[1 + turn % (len(LAYERS) - 1)]))
                times["another snapshot"].append(snapshot_rerun(page, "ArrowLeft"))
        middle = {name: statistics.median(values) for name, values in times.items()}
        print(f"Tab {view}, {rounds} rounds")
        for name, seconds in middle.items():
            print(f"  {name:<18} {1000 * seconds:6.0f} ms  {seconds / middle['an empty page']:5.1f} x", flush=True)


if __name__ == "__main__":
    say("Measuring; anything else that runs now blurs the result.")
    run_command(main, prog="python -m tests.browser.speed")
