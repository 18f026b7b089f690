"""Study: what the trained networks of `gte.study` reach, what that costs, and what their kernels did."""
