"""Pure functions from models, tensors and checkpoints to tensors, tables, figures and sentences."""
