"""The scenes: each brings up what it measures, measures in turns, and returns figures."""
