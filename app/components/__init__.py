"""Components that draw in the browser, where Streamlit has none."""
