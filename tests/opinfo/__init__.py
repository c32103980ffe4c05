"""PyTorch's own samples of its operators and of its modules, put to our rules."""
