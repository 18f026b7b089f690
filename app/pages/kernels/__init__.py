"""The page Shift kernels."""
