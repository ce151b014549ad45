"""`caudal demo`."""

import click


@click.command()
def demo() -> None:
    """Show it."""
