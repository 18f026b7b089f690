"""Tests of whether evidence can be believed: each has a verdict in words."""
