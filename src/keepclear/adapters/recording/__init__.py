"""Recording to a folder, and reading it again."""
