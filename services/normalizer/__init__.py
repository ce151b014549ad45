"""The normalizer: one raw delivery in, what it says out. No I/O other than the bus."""
