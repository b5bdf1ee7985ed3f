"""HTTP: what a node answers, and a client of it."""
