"""What travels between the processes and to the world: deliveries, readings, public events."""
