"""Asking providers back about objects that are not settled, beside the folding and never in its way.

    pokes, the walk over the objects ─► polls ─► claim ─► need() ─► ask ─► a delivery of origin `poll`

Each provider has a task, a budget and a breaker, and of several reconcilers one asks it at a time.
Connections to the database and to the broker are of their own. What is asked is decided by `need`, a pure function of a row, its object and the schedule.
"""
