"""Replays: parked deliveries through the door once more, archived ones with today's mappings."""
