"""The reconciler: the only writer of Postgres.

It files raw deliveries (`archive`), folds what they say into objects and writes the events of one
batch in one transaction (`apply`), and publishes them from the outbox (`relay`).
"""
