"""Flask under gunicorn in front, Celery behind RabbitMQ, psycopg 3."""
