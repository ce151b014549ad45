"""Real servers for a machine that has none: Postgres from a wheel, RabbitMQ as a private node.

`servers.servers()` is the door; `caudal up`, `caudal demo` and the tests come in by it. Everything
it starts listens on free loopback ports, keeps its data in one directory, and dies with the process
that started it, however that process ends.
"""
