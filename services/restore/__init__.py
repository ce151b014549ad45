"""What happened after a backup, brought back into the database that was restored from it."""
