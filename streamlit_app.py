"""GTE Explorer: page configuration and navigation. Start it with `make app`."""

from pathlib import Path

import streamlit as st

from app import imports
from app.navigation import PAGES, streamlit_page

st.set_page_config(page_title="GTE Explorer", page_icon=Path(__file__).parent / "app" / "icon.png", layout="wide")
first, *others = PAGES.values()
try:
    st.navigation([streamlit_page(first, default=True), *map(streamlit_page, others)], position="top").run()
finally:
    imports.load_in_background([page.module for page in PAGES.values()])
