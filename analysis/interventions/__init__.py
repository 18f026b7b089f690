"""Changes of time and of kernels, and their effect on the answers of networks."""
