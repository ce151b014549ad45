"""Payouts that were asked for, on record before they are sent, and own deliveries that are to enter.

Nothing personal: no name, no number of a document or an account. `digest` is keyed (HMAC), so that it
recognises the same request again and tells nobody what is in it; `key_name` says under which key.
"""

from __future__ import annotations

from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

_STATEMENTS = (
    """
    create table payout_requests (
      id               uuid        primary key,
      source           text        not null,
      batch            text        not null,
      item             integer     not null check (item >= 0),
      state            text        not null default 'recorded'
        check (state in ('recorded', 'unknown', 'succeeded', 'failed', 'resolved')),
      value            numeric     not null check (value > 0),
      currency         text        not null,
      description      text,
      bank_account_id  text,
      digest           bytea       not null,
      key_name         text        not null,
      created_at       timestamptz not null default now(),
      sent_at          timestamptz,
      answered_at      timestamptz,
      payment_order_id text,
      failures         text[]      not null default '{}',
      delivery_id      uuid,
      resolution       text        check (resolution in ('sent', 'not_sent')),
      resolved_by      text        check (resolved_by in ('operator', 'report')),
      resolved_at      timestamptz,
      reason           text,
      unique (source, batch, item),
      constraint payout_request_resolved_with_reason
        check ((state = 'resolved') <= (resolution is not null and resolved_by is not null
                                        and resolved_at is not null and reason is not null)),
      constraint payout_request_with_its_order
        check ((state = 'succeeded' or (state = 'resolved' and resolution = 'sent'))
               <= (payment_order_id is not null))
    )
    """,
    """
    create index payout_requests_open on payout_requests (source, digest)
    where state in ('recorded', 'unknown')
    """,
    "create index payout_requests_order on payout_requests (source, payment_order_id)",
    # What the broker has confirmed is taken out.
    """
    create table to_be_told (
      delivery_id uuid        primary key,
      source      text        not null,
      provider    text        not null,
      origin      text        not null,
      authority   text        not null,
      route_event text,
      body        bytea       not null,
      received_at timestamptz not null
    )
    """,
)


def upgrade() -> None:
    """Make the two tables; nobody who runs an older release has to know of them."""
    for statement in _STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    """Refuse: what became of money would be forgotten."""
    raise NotImplementedError("payouts that were asked for would be forgotten")
