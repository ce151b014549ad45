"""A port for operators: what they do most, each on record with who and why."""
