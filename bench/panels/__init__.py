"""The panels of the overview, drawn from a Prometheus that scraped a real stack under load."""
