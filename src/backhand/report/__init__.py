"""Findings as text, for the terminal and as a page. Nothing is computed here."""
