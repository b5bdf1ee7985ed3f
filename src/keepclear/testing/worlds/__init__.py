"""Worlds: items and tracks that make a picture worth looking at."""
