"""The use cases of a node: what a party can do, and what must hold when it does it."""
