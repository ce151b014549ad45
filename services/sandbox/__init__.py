"""Five providers on one's own machine: their webhooks, their APIs, and the truth about both.

The webhooks are those of `services.simulator`: lives drawn from a seed, with faults by proportion.
Beside them one HTTP server answers what the providers document (`apis`, and `payu` whole), from a
`World` that knows how far each life has come, also where its webhooks were lost. What was posted is
in the ledger, payouts that were requested over the API are in a journal beside it, and `verify`
compares both with what Caudal made of them.

Layers, from the inside: `accounts` (credentials), `world`, `apis` and `payu`, `chaos` (the API's
own faults), `server`, `run`; and on the other side `verification`.
"""
