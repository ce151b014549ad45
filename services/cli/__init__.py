"""The command `caudal`: the one place where everything is put together.

Exit codes: 0 done; 1 it could not be done (the message says why); 2 bad usage or configuration
(the message names the key).
"""

from services.cli.main import main

__all__ = ["main"]
