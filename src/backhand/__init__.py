"""backhand: backpropagation by hand, written out, checked and explained."""

__version__ = "0.1.0"
