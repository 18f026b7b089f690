"""Scenes of the story on Start: the table of them, and those that need neither PyTorch nor a checkpoint."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import streamlit as st

from app import imports, layout
from app.components.film_player import Film, film_player
from app.components.shift_toy import shift_toy
from app.steps import Step

ASSETS: Final = Path(__file__).parents[2] / "assets"

CLIP: Final = ASSETS / "story_clip.npy"
"""The eight frames of test clip 29 of MotionPairs that networks see, at their 112 x 112 pixels: a ball that moves
right, alone in front of a calm background, so that nothing else in a frame suggests a direction. Kept in a file,
because rendering them takes OpenCV, and the first page would wait for it; a test compares them with the data set."""

TOY_CLIP: Final = ASSETS / "toy_clip.npy"
"""The same frames at 64 x 64 pixels, which the toy mixes at every move of a slider."""

CLASS: Final = "moves right"
"""The class of the clip."""

DIRECTIONS: Final = ("moves left", CLASS, "moves up", "moves down")
"""The classes among which the reader guesses."""

STILL: Final = 3
"""Number of the frame to guess from: in the middle of the film, because a ball at the edge suggests that it came in or
is about to leave."""


def draw_still() -> None:
    """Draw one frame of the clip, and which of the others are hidden."""
    still = Film(order=[STILL], alt="A ball in front of sand, seen in one frame")
    film_player(np.load(CLIP), [still], size=420, boxes=True, key="still")


def draw_film() -> None:
    """Draw the clip as a film."""
    frames = np.load(CLIP)
    film = Film(order=range(len(frames)), alt="The film: the ball moves to the right")
    film_player(frames, [film], size=420, boxes=True, key="film")


def draw_backwards() -> None:
    """Draw the clip forwards and backwards, and the probabilities of two networks for both."""
    frames = np.load(CLIP)
    forwards, backwards = range(len(frames)), range(len(frames))[::-1]
    films, answers = st.columns([2, 3], gap="medium")
    with films:
        film_player(
            frames,
            [
                Film(order=forwards, alt="The film as it is", label="forwards"),
                Film(order=backwards, alt="The film played backwards", label="backwards"),
            ],
            size=340,
            key="forwards and backwards",
        )
    with answers, layout.errors_as_sentences():
        imports.load("app.pages.start.networks").draw_answers(frames, DIRECTIONS, CLASS)


def draw_toy() -> None:
    """Draw a kernel to set by hand."""
    shift_toy(np.load(TOY_CLIP), key="toy")


def draw_training() -> None:
    """Draw what training did to the kernels of a shipped checkpoint."""
    imports.load("app.pages.start.kernels").draw_training()


def draw_removed() -> None:
    """Draw the accuracy of a network with its kernels, and without them."""
    imports.load("app.pages.start.kernels").draw_removed()


@dataclass(frozen=True, kw_only=True)
class Scene:
    """A scene of the story."""

    title: str
    """Among all scenes, in few words."""

    step: Step
    draw: Callable[[], None]
    """Draws the figure below the strip; it is called whether or not the question of the step is answered."""


QUESTION: Final = "Which way does the ball move?"

SCENES: Final = (
    Scene(
        title="One frame",
        step=Step(
            text="A film of eight frames, of which you see one. An ordinary image network sees no more at a time.",
            question=QUESTION,
            choices=DIRECTIONS,
            look="All four fit this frame: it shows where the ball is, not where it is going.",
        ),
        draw=draw_still,
    ),
    Scene(
        title="The film",
        step=Step(
            text="Now all eight frames, in their order.",
            question=QUESTION,
            choices=DIRECTIONS,
            right=CLASS,
            look="No frame alone says so; their order does.",
        ),
        draw=draw_film,
    ),
    Scene(
        title="Backwards",
        step=Step(
            text="The same frames, played backwards, and two networks that judge both. C2D averages its answers to "
            "single frames; GTE passes features from frame to frame by learnable shifts."
        ),
        draw=draw_backwards,
    ),
    Scene(
        title="Three weights",
        step=Step(
            text="This is a learnable shift: each frame becomes a weighted sum of the previous, the same and the next "
            "frame. Move the three weights. GTE has such weights in every block, and training learns them."
        ),
        draw=draw_toy,
    ),
    Scene(
        title="Training",
        step=Step(
            text="Before training half of the channels look back and half look ahead. Press Play to watch training "
            "change the weights: a row is an output channel; the stronger a cell, the more the channel uses that frame."
        ),
        draw=draw_training,
    ),
    Scene(
        title="No kernels",
        step=Step(
            text="Do the shifts matter? Take them away in every layer and ask again: *current frame only* adds up the "
            "weights of each kernel at the current frame, *zeroed* sets them to zero."
        ),
        draw=draw_removed,
    ),
)
"""The story, in order. A further scene is one entry."""
