"""Do two implementations agree? Every step against a computed rounding bound.

`feeding.py` runs the NumPy program step by step on a reference's numbers, `judging.py` says of each
number whether rounding can explain it, `formulas.py` and `kernels.py` know where PyTorch computes
otherwise, `comparing.py` is the whole, `result.py` what comes out and `telling.py` its words.
"""
