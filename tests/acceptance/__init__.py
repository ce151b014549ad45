"""The whole of it from outside: `caudal up` as a subprocess, HTTP in, CLI and AMQP out."""
