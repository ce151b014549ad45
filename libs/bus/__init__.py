"""The only AMQP: what stands on the broker, publishing with an answer, taking in batches.

`topology` says which exchanges and queues there are, `publisher` sends and tells what the broker
made of it, `consumer` takes batches and acknowledges what was handled, `tail` watches without
taking, `dead_letters` buries what cannot be read. `itemwise` finds what spoils a batch, `attempts`
sets it back for later, and `brake` stops a consumer on which too much fails. `link` keeps one connection alive for ever and
`memory` stands in for a broker where none is wanted.
"""
