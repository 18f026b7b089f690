"""Parts of the training loop in `gte.train`: the run and its files, what is checked first, signals, progress."""
