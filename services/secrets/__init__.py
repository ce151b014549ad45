"""The secrets of a deployment by files: drawn once, kept, and given to each process as it needs them."""
