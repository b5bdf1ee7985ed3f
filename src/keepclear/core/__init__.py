"""Volumes, conflicts and their resolution: pure computation."""
