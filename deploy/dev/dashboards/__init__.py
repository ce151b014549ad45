"""The Grafana dashboards, written as what they show; `python -m deploy.dev.dashboards` makes the files of it."""
