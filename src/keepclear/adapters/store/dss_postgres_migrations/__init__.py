"""Numbered changes of the schema of a PostgreSQL database of a service: SQL that its relatives take too."""
