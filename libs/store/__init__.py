"""The only SQL: schema and migrations, named queries, and the few operations on them."""
