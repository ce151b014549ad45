"""What was found, for people and for programs: a table, JSON, plots; and what changed since."""
