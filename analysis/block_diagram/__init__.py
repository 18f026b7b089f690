"""Block diagrams drawn from the PyTorch module, with the shapes of its tensors."""
