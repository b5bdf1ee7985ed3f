"""Links to the nodes of other parties."""
