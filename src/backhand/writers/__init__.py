"""The hands out: a network as text, in NumPy, in PyTorch, in formulas."""
