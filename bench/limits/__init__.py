"""What this machine allows: the broker, the database, the disk and the wire, each alone."""
