"""Providers as they behave towards us, driven from a seed, and an oracle that knows how it must end.

    plan = Plan.from_seed(7, run="a", count=2000, duplicates=0.1, reorder=0.1, unknown=0.01)
    tap = tap_of(plan.options)
    await bind_tap(amqp_url, tap, EVENTS)          # libs.bus.tap: before the first webhook
    driver = Driver(plan, url=ingress_url, credentials=credentials_from(None), ledger=path, tap=tap)
    progress = await driver.run(stop)              # an asyncio.Event; driver.progress while it runs
    verdict = await verify(path, House(amqp_url=…, postgres_dsn=…), wait=60)
    assert verdict.clean, verdict.as_json()        # verdict.lost, verdict.duplicates_of_effect

A run is named by its seed and `run`: give each run on one database another name. The ledger is a
new file; the events are kept beside it. `Pace` has rate, concurrency, duration, time-outs.

`Plan`, `Options` and `tap_of` are in `plan`, `Driver` and `Pace` in `driver`, `verify` and `House` in
`oracle`, `credentials_from` in `credentials`: who needs a plan alone does not pay for HTTP and Postgres.

Layers, from the inside: `providers` (one module each: paths as data, bodies as documented), `plan`,
`driver` with its `ledger`; and on the other side `books`, `events`, `judgement`, `oracle`.
"""
