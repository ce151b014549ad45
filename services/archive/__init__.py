"""The keys under which raw bodies rest: what rests under which, and all of it under the newest."""
