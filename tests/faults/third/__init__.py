"""A third held-out exam: other people's styles, by somebody who had not seen the catalogue."""
