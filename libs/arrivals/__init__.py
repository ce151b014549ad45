"""When deliveries usually come, and when their absence means something: pure, time is a parameter."""
