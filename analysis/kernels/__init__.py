"""Temporal kernels: their taps, drift, reach, spectrum and matching, with figures and cards."""
