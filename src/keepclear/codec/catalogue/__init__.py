"""The catalogue of the hotline: its sentences in every language, and how messages are written in them."""
