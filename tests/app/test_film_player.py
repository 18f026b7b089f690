"""Player of films: sentences for films that do not fit together."""

import numpy as np
import pytest

from app.components.film_player import Film, film_player


@pytest.mark.parametrize(
    ("orders", "sentence"),
    [
        ([], "at least one frame; got \\[\\]"),
        ([[]], "at least one frame; got \\[0\\]"),
        ([[0, 1], [0]], "one length, at least one frame; got \\[2, 1\\]"),
        ([[0, 8]], "frames 0 to 7; a film asks for 0 to 8"),
    ],
)
def test_the_player_refuses_films_without_a_common_length_and_frames_the_clip_does_not_have(
    orders: list[list[int]], sentence: str
) -> None:
    films = [Film(order=order, alt="a square") for order in orders]
    with pytest.raises(ValueError, match=sentence):
        film_player(np.zeros((8, 32, 32, 3), np.uint8), films, key="player")
