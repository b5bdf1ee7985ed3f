"""Feeds: connections to what says where things are."""
