"""How a source knows its sender: as written in the sources file, and with its secrets read.

A kind is a `Written…` model (`written`), which names its keys, and the frozen dataclass that it becomes
(`kinds`). What checks a request by it is made in `services.ingress.authentication`.
"""
