"""Tells of single deliveries: a span in the trace of each, a line in the log.

    context    a W3C `traceparent` as text: drawn, led on, read          (no library)
    port       what a stage tells of a piece of work: `Finished`, `Traces` (no library)
    batch      the one span of many deliveries
    witness    which deliveries are told of, in which way
    choice     what the variables of OpenTelemetry say
    opening    the witness of a process, for as long as it runs
    exported   spans by OpenTelemetry's library, and `queued`: imported only where tracing is on
    received   the same spans read again, for whoever is the collector

Where neither is asked for there is no witness, and a batch pays for one comparison with None.
"""
