"""The providers: each a folder, pure over bytes. `registry` is the list of them."""
