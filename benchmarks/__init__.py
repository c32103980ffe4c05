"""Figures against what a user would pick instead. Never part of the tests."""
