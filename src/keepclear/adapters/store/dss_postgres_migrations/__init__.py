"""Numbered changes of the schema of a service's PostgreSQL database; plain SQL that its relatives take too."""
