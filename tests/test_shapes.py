"""Tests fail when an array has another shape than the signature says."""

from dataclasses import dataclass

import pytest
import torch
from jaxtyping import Float
from torch import Tensor

from analysis.attribution.gradcam import grad_cam
from gte.models.shift import convolve_in_time
from tests.shapes import checked


def test_the_packages_are_checked():
    with pytest.raises(TypeError, match="3 dimensions, not the 4"):
        convolve_in_time(torch.zeros(4, 2, 3), torch.zeros(2, 2, 3, 1), 2)
    assert hasattr(grad_cam, "__wrapped__")


def test_a_name_means_one_size_in_a_call():
    @checked
    def transposed(x: Float[Tensor, "a b"]) -> Float[Tensor, "b a"]:
        return x

    assert transposed(torch.zeros(2, 2)).shape == (2, 2)
    with pytest.raises(TypeError):
        transposed(torch.zeros(2, 3))


def test_properties_and_dataclasses_are_checked_and_what_has_no_shapes_stays_as_it_is():
    @checked
    @dataclass
    class Box:
        side: Float[Tensor, " n"]

        @checked
        @property
        def corner(self) -> Float[Tensor, ""]:
            return self.side

    def number(x: int) -> int:
        return x

    box = Box(torch.zeros(2))
    with pytest.raises(TypeError):
        _ = box.corner
    with pytest.raises(TypeError):
        Box(torch.zeros(2, 2))
    assert checked(number) is number
