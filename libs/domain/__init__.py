"""What a payment or a payout is and how its state follows from what was said about it.

Standard library only, no I/O, no clock. `lifecycle` is the table, `observation` is what a provider
says, `fold` turns the set of observations into one state.
"""
