"""The archive, the dedupe ledger, objects with their observations, parked deliveries, the outbox.

The literals of the lifecycle stand here as they were at this revision; a test compares what the
migrations give with the table in `libs.domain.lifecycle`.
"""

from __future__ import annotations

from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_STATEMENTS = (
    # Every accepted delivery, as its bytes came; a partition for each day (UTC).
    """
    create table deliveries (
      id            uuid        not null,
      received_at   timestamptz not null,
      source        text        not null,
      provider      text        not null,
      origin        text        not null,
      authority     text        not null,
      content_type  text        not null,
      headers       jsonb       not null,
      route_event   text,
      traceparent   text,
      sha256        bytea       not null,
      body          bytea       not null,
      primary key (id, received_at)
    ) partition by range (received_at)
    """,
    "create table deliveries_default partition of deliveries default",
    # What became of each delivery; days as in the archive.
    """
    create table translations (
      delivery_id   uuid        not null,
      received_at   timestamptz not null,
      source        text        not null,
      outcome       text        not null
        check (outcome in ('observed', 'poked', 'ignored', 'parked')),
      duplicate_of  uuid,
      primary key (delivery_id, received_at)
    ) partition by range (received_at)
    """,
    "create table translations_default partition of translations default",
    # The first delivery of each name; outlives the archive's partitions.
    """
    create table dedupe_ledger (
      name              bytea       primary key,
      first_delivery_id uuid        not null,
      first_received_at timestamptz not null
    )
    """,
    """
    create table objects (
      id               bigint      generated always as identity primary key,
      source           text        not null,
      kind             text        not null,
      provider_ref     text        not null,
      provider         text        not null,
      merchant_ref     text,
      state            text,
      previous_state   text,
      provider_status  text,
      amount           numeric     check (amount >= 0),
      currency         text,
      refunded_amount  numeric     check (refunded_amount >= 0),
      fees             numeric,
      net              numeric,
      flags            text[]      not null default '{}',
      livemode         boolean     not null default true,
      occurred_at      timestamptz,
      received_at      timestamptz,
      authority        text,
      delivery_id      uuid,
      method           text,
      failure_reason   text,
      expires_at       timestamptz,
      sequence         integer     not null default 0 check (sequence >= 0),
      attempts         integer     not null default 0 check (attempts >= 0),
      settlement_step  text,
      decided_by       text,
      created_at       timestamptz not null default now(),
      updated_at       timestamptz not null default now(),
      unique (source, kind, provider_ref),
      constraint objects_state_of_kind check (
        (kind = 'payment' and (state is null or state in (
          'created', 'pending', 'in_review', 'authorized',
          'declined', 'failed', 'canceled', 'expired', 'paid',
          'partially_refunded', 'refunded', 'voided', 'disputed', 'charged_back')))
        or
        (kind = 'payout' and (state is null or state in (
          'created', 'in_review', 'processing', 'cancel_requested', 'sent',
          'rejected', 'failed', 'canceled', 'paid', 'returned')))
      ),
      constraint objects_known_flags check (flags <@ array[
        'late', 'conflict', 'verify', 'amount_mismatch', 'uncorroborated', 'clock', 'test']),
      constraint objects_known_authority check (authority is null or authority in (
        'operator', 'poll', 'report', 'signed', 'secret', 'unsigned', 'timer')),
      constraint objects_told_before_published check (sequence = 0 or state is not null)
    ) with (fillfactor = 80)
    """,
    "create index objects_merchant_ref on objects using hash (merchant_ref)",
    # Other names of an object: a receipt number, an end-to-end id.
    """
    create table object_aliases (
      alias     text   not null,
      object_id bigint not null,
      primary key (alias, object_id)
    )
    """,
    """
    create table observations (
      object_id   bigint      not null,
      key         text        not null,
      received_at timestamptz not null,
      delivery_id uuid        not null,
      content     jsonb       not null,
      primary key (object_id, key)
    )
    """,
    # The same observation told again by another delivery.
    """
    create table repeats (
      object_id   bigint      not null,
      key         text        not null,
      delivery_id uuid        not null,
      received_at timestamptz not null,
      primary key (object_id, key, delivery_id)
    )
    """,
    """
    create table parked (
      id          bigint      generated always as identity primary key,
      delivery_id uuid        not null,
      ordinal     integer     not null,
      source      text        not null,
      provider    text        not null,
      origin      text        not null,
      reason      text        not null,
      field       text,
      value       text,
      detail      text        not null,
      received_at timestamptz not null,
      parked_at   timestamptz not null default now(),
      body        bytea,
      reading     jsonb,
      unique (delivery_id, ordinal)
    )
    """,
    "create index parked_waiting on parked (id) where reading is not null",
    # Requests to ask the provider about one object; many pokes are one row.
    """
    create table pokes (
      source       text        not null,
      kind         text        not null,
      provider_ref text        not null,
      provider     text        not null,
      why          text        not null,
      first_at     timestamptz not null,
      last_at      timestamptz not null,
      primary key (source, kind, provider_ref)
    )
    """,
    """
    create table outbox (
      id          bigint      generated always as identity primary key,
      object_id   bigint      not null,
      sequence    integer     not null,
      routing_key text        not null,
      body        bytea       not null,
      created_at  timestamptz not null default now(),
      unique (object_id, sequence)
    ) with (autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_threshold = 1000)
    """,
)


def upgrade() -> None:
    """Create everything."""
    for statement in _STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    """There is nothing before the foundation."""
    raise NotImplementedError("the first revision is not undone")
