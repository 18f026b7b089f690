"""Page Results: what the trained networks of the study reach, and what that costs."""
