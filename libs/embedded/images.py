"""The container images that stand in for servers which the machine does not have."""

RABBITMQ = "rabbitmq:4-management-alpine"
POSTGRES = "postgres:17-alpine"
