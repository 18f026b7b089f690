"""Block diagrams drawn from the module, with the shapes of its tensors."""
