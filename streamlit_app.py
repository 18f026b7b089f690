"""GTE Explorer: page configuration and navigation. Start it with `make app`."""

from pathlib import Path

import streamlit as st

st.set_page_config(page_title="GTE Explorer", page_icon=Path(__file__).parent / "app" / "icon.png", layout="wide")
# The pages import PyTorch, which takes seconds on a server's first visit: something must stand there meanwhile.
with st.spinner("GTE Explorer is starting: PyTorch takes some seconds to load, once."):
    from app.layout import spare_the_collector
    from app.navigation import PAGES, streamlit_page

    spare_the_collector()
first, *others = PAGES.values()
st.navigation([streamlit_page(first, default=True), *map(streamlit_page, others)], position="top").run()
