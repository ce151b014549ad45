"""Who sent it: one small class for each kind of authentication in the sources file."""
