"""One command that prints every figure: `python -m bench`."""
