"""The demonstration: real webhooks of all five providers through the whole stack, verified."""
