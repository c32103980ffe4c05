"""Other people's programs: run apart from ours, watched, and brought under our names."""
