"""What could not be published waits here: messages in append-only segments on local disk."""
