"""The variables that name somebody else's servers; apart, for commands that start none."""

AMQP_URL = "CAUDAL_AMQP_URL"
POSTGRES_DSN = "CAUDAL_POSTGRES_DSN"
