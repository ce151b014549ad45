"""Open-loop load: webhooks at their scheduled times, whatever became of those before."""
