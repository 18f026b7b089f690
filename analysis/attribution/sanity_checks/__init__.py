"""Sanity checks of evidence, each with a verdict in words."""
