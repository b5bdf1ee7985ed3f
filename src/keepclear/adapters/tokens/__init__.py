"""Access tokens of others: bearer JWTs as ASTM F3548-21 and F3411-22a want them, checked by joserfc."""
