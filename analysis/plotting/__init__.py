"""Colours, rows, labels and cards that the figures of every topic share."""
