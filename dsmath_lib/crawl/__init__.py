"""The corpus steps over shards: read, clean, mine in rounds, on one machine or on a cluster."""
