"""Payouts that we ask for: on record first, sent once, told through the front door.

`connection` chooses the account, `requesting` asks for payouts and cancels, `matching` says which
answer is about which request, `telling` brings our own deliveries in, `registration` compares webhooks
with the sources file, `reporting` reads PayU's report.
"""
