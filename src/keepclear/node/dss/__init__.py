"""The Discovery and Synchronization Service: use cases and the store that they need."""
