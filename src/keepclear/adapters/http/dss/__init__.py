"""The HTTP side of the Discovery and Synchronization Service: ASTM F3548-21, F3411-22a and what tests use."""
