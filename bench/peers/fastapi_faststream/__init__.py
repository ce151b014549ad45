"""FastAPI in front, FastStream behind RabbitMQ, SQLAlchemy with asyncpg."""
