"""Card: a figure with a sentence from the data, its definition, and the code that makes it."""

from dataclasses import InitVar, dataclass, field

import pandas as pd
import plotly.graph_objects as go

from analysis.plotting.call import Call


@dataclass(frozen=True, kw_only=True)
class Card:
    """One figure and its words, for a page, a report or a notebook."""

    key: str
    """Short name, unique on a page; files are named after it."""
    title: str
    sentence: str
    """What to look for, written from the data."""
    call: InitVar[Call]
    """The call that makes the figure; run once, and not kept, because its arguments may be large."""
    definition: str
    """What is drawn, with formulas, as Markdown without HTML or TeX."""
    table: pd.DataFrame | None = None
    """The numbers of the figure, where they are not the table of layers."""
    clickable: bool = False
    """True if each mark carries its layer as customdata."""

    figure: go.Figure = field(init=False)
    code: str = field(init=False)
    """Python that makes the figure from a checkpoint's file, as the value of the last statement."""

    def __post_init__(self, call: Call) -> None:
        object.__setattr__(self, "figure", call.run())
        object.__setattr__(self, "code", call.code())


@dataclass(frozen=True, kw_only=True)
class CardWithCode:
    """A `Card` whose figure is given, with its code as text."""

    key: str
    title: str
    sentence: str
    figure: go.Figure
    definition: str
    code: str
    table: pd.DataFrame | None = None
    clickable: bool = False
