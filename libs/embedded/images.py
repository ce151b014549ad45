"""The container images of everything that is not ours, in one place; no other file decides on one.

`docker-compose.yml` and `deploy/Dockerfile` cannot import this: a test compares them with it. The full
version is pinned. To pin the content as well, write what `docker buildx imagetools inspect IMAGE` (or
`docker pull IMAGE`) tells of it behind the tag, here and there: `postgres:17.6-alpine@sha256:…`.
"""

from typing import Final

PYTHON: Final = "python:3.12.11-slim-bookworm"
RABBITMQ: Final = "rabbitmq:4.1.4-management-alpine"
POSTGRES: Final = "postgres:17.6-alpine"
PROMETHEUS: Final = "prom/prometheus:v3.5.0"
GRAFANA: Final = "grafana/grafana:12.1.1"
