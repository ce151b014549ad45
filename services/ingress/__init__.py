"""The ingress: takes exact bytes, checks who sent them, and answers once they are safe."""
