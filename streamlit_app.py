"""GTE Explorer: page configuration and navigation. Start it with `make app`."""

from pathlib import Path

import streamlit as st

from app import imports
from app.navigation import PAGES, streamlit_page

first, *others = PAGES.values()
page = st.navigation([streamlit_page(first, default=True), *map(streamlit_page, others)], position="top")
icon = Path(__file__).parent / "app" / "icon.png"
st.set_page_config(page_title=f"{page.title} · GTE Explorer", page_icon=icon, layout="wide")
try:
    page.run()
finally:
    imports.load_in_background([page.module for page in PAGES.values()])
