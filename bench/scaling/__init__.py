"""What a number of webhooks a day needs: `python -m bench.scaling`. The text around it is deploy/scaling.md."""
