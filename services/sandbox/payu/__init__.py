"""PayU's Payouts API, whole: tokens that run out, payouts that live, webhooks that are registered.

The paths, fields, examples and messages are those of PayU's documentation of the Payouts API
(developers.payulatam.com). What it leaves open is decided here as a stranger would expect it, and
stands in one place each: the bodies of errors, which event brings which state, and the notification
itself, of which only a table of fields is published.
"""
