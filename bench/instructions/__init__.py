"""How many machine instructions the pure hot paths take: a figure that no other process disturbs."""
