"""The NumPy hand for modules: a pair of functions for each kind, loops over repeated layers."""
