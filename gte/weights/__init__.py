"""Weights of other projects: published layouts, safe loading, inflation of 2D weights."""
