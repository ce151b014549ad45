"""What a competent team would use instead of Caudal, under the same promise to the provider.

Two systems, each out of well-known parts and tuned for this machine: FastAPI with FastStream and
SQLAlchemy; Flask with Celery and psycopg. `README.md` tells what they promise, what they leave
out, and what was tried to make them fast.
"""
