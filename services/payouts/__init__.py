"""Payouts that we ask for: on record first, sent once, told through the front door.

`connection` chooses the account, `requesting` asks for payouts and `canceling` for cancels, `attempt`
says how far that came, `matching` says which answer is about which request, `telling` makes our own
deliveries (`services.reconciler.telling` brings them in), `registration` compares webhooks with the
sources file, `reporting` reads PayU's report.
"""
