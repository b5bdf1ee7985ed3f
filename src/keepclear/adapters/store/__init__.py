"""Where a node keeps what it must not lose: in SQLite, or in memory for tests."""
