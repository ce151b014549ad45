"""The whole of Caudal on one machine, for development, the demo and the tests."""
