"""Names beside the points of a scatter."""

from itertools import combinations

from analysis.plotting import label_placement
from analysis.plotting.label_placement import PLACES, places


def boxes(spots, names, radii, width, height):
    """Where the names stand: left, lower, right, upper."""
    found = []
    for (x, y), name, place in zip(spots, names, places(spots, names, radii), strict=True):
        wide = label_placement.CHARACTER_WIDTH * len(name)
        left = x * width + place.right - {"left": 0, "center": wide / 2, "right": wide}[place.side]
        middle = y * height + place.up
        found.append((left, middle - label_placement.HALF_HEIGHT, left + wide, middle + label_placement.HALF_HEIGHT))
    return found


def apart(one, other):
    return one[2] <= other[0] or other[2] <= one[0] or one[3] <= other[1] or other[3] <= one[1]


def test_names_of_neighbours_lie_on_no_other_name_and_on_no_point_in_any_window():
    spots = [(0.1, 0.5), (0.13, 0.52), (0.16, 0.5), (0.9, 0.5), (0.92, 0.45)]
    names, radii = ["GTE, 8f", "GST, 8f", "TSM-101, 16f", "C3D", "C3D again"], [8.0, 12.0, 6.0, 15.0, 5.0]
    for width, height in label_placement.PLOTS:
        found = boxes(spots, names, radii, width, height)
        assert all(apart(one, other) for one, other in combinations(found, 2))
        assert all(box[0] >= 0 and box[2] <= width for box in found)
        for (x, y), radius in zip(spots, radii, strict=True):
            point = (x * width - radius, y * height - radius, x * width + radius, y * height + radius)
            assert all(apart(point, box) for box in found)


def test_a_point_alone_has_its_name_on_its_right():
    [place] = places([(0.2, 0.5)], ["GTE"])
    assert (place.side, place.up) == PLACES[0]
    assert place.right > label_placement.SMALL_POINT
