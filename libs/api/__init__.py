"""Asking a provider: one way out over HTTP, with a budget, and a breaker that stops knocking.

    http = Http(base_url, timeout=10)                  # close it in the end
    answer = await http.send(Call("GET", "/v2/checkout/…", headers=…))

An error says what is known of the call: `UnsentError` (nothing left this process, repeating is safe),
`UnansweredError` (it may have had its effect), `RefusedError` (answered with a status of 400 or more). No error and no
log line holds a query, a header or a body.
"""
