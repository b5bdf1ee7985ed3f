"""ASTM F3548-21, the standard of drone operators for strategic coordination."""
