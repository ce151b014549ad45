"""What an operator may ask: what there is, and why an object is in its state."""
