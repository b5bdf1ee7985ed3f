"""The thread of a node that watches: feeds, recording, a cycle every half second."""
