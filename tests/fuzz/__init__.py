"""A fuzz run over everything that reads a stranger's body: `make fuzz`, `python -m tests.fuzz --help`."""
