"""Tables whose numbers are written for people and stay numbers, so that a click on a heading sorts them as such."""

from collections.abc import Callable, Mapping
from types import MappingProxyType

import pandas as pd
from pandas.io.formats.style import Styler

Written = Callable[[float], str]


def written(
    frame: pd.DataFrame, numbers: Mapping[str, Written], missing: Mapping[str, str] = MappingProxyType({})
) -> Styler:
    """The table with the columns of `numbers` written by their functions; where a number is absent, what `missing` has.

    As text "963.38 M" would stand above "44.39 G". Raises KeyError for a column that the table does not have.
    """
    styler = frame.astype(dict.fromkeys(numbers, "Float64")).style
    for column, write in numbers.items():
        styler.format(write, na_rep=missing.get(column, ""), subset=[column])
    return styler
