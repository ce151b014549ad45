"""The container images used where the machine has Docker but no RabbitMQ."""

RABBITMQ = "rabbitmq:4-management-alpine"
POSTGRES = "postgres:17-alpine"
