"""Which known mistake reproduces the numbers of a hand-written network."""
