"""The Streamlit app: pages pick, call and draw."""
