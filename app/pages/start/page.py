"""Start: a story in six scenes, a shift to set by hand, and links to the other pages."""

import streamlit as st

from app import imports, layout, navigation, steps, url_keys, url_state
from app.navigation import PAGES
from app.pages.start.scenes import SCENES, Scene, draw_toy

STORY = "In five minutes"
OPEN = "Open your own network"

CARDS = {
    "kernels": "Every learned kernel of a checkpoint, layer by layer, and its drift during training.",
    "evidence": "Grad-CAM over the frames of a clip, one of ours or a video of yours, GTE and C2D side by side.",
    "whatif": "A clip played backwards, GTE and C2D side by side; kernels reversed, blended, zeroed; layers replaced.",
    "train": "A small network trained in front of you: loss, accuracy, reversed clips and kernels while they change.",
    "results": "Fifteen networks trained alike: accuracy against cost, and which of the paper's claims hold.",
    "architectures": "Parameters and multiply-accumulates of every network, counted on the PyTorch models.",
    "library": "The checkpoints on this server and the runs that made them; open your own.",
}


def render() -> None:
    """Draw the page below its header; with a lesson open the toy alone, because that has a strip of its own."""
    if url_state.is_chosen(url_keys.LESSON):
        draw_toy()
        return
    scene, answered = _story()
    with st.container(key="below the story"):
        # The toy shows the film, which would answer the question of the first two scenes.
        if answered and scene.draw is not draw_toy:
            st.header("A shift to set by hand")
            draw_toy()
        st.header("Where to go next")
        navigation.cards(CARDS)
        st.header("Lessons")
        # Below what is seen first.
        imports.load("app.lessons.available").cards()


def _story() -> tuple[Scene, bool]:
    """Draw the story at the scene that the link names, by default the first; return it, and False while it asks."""
    numbers = range(1, len(SCENES) + 1)
    number = url_state.show(url_keys.SCENE, 1, url_state.between(1, len(SCENES)))
    scene = SCENES[number - 1]
    with st.container(horizontal=True, vertical_alignment="center"):
        st.segmented_control(
            STORY,
            numbers,
            format_func=lambda number: f"{number} {SCENES[number - 1].title}",
            required=True,
            key=url_keys.SCENE.name,
            on_change=url_state.keep,
            args=(url_keys.SCENE,),
            label_visibility="collapsed",
        )
        _open_your_own()
    answered = steps.draw(
        [scene.step for scene in SCENES],
        number,
        name="story",
        turn=lambda number: url_state.choose(url_keys.SCENE, number),
        title=STORY,
    )
    with layout.errors_as_sentences():
        scene.draw()
    return scene, answered


def _open_your_own() -> None:
    """Draw a popover for a checkpoint file, which is then shown on the page of its kernels."""
    popover = st.popover(OPEN, icon=":material/upload:", on_change="rerun", key="open your own")
    if popover.open:
        with popover:
            # It knows the layouts of published weights, and so takes PyTorch, which the first page does not wait for.
            uploads = imports.load("app.uploads")
            uploads.show_upload_result()
            uploads.draw_checkpoint_uploader(then=lambda: url_state.go(navigation.target(PAGES["kernels"]), {}))
