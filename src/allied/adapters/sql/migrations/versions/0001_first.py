"""The first form of the database.

Revision ID: 0001
Revises: none
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None

WHOLE = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
INSTANT = sa.BigInteger()
WORDS = sa.Text().with_variant(postgresql.TEXT(collation="C"), "postgresql")


def upgrade() -> None:
    """Make every table."""
    op.create_table(
        "agreements",
        sa.Column("id", WORDS, nullable=False),
        sa.Column("alias", WORDS, nullable=False),
        sa.Column("genesis", sa.LargeBinary(), nullable=False),
        sa.Column("text", sa.LargeBinary(), nullable=False),
        sa.Column("salt", WORDS, nullable=False),
        sa.Column("version", WORDS, nullable=False),
        sa.Column("proposed_by", WORDS, nullable=False),
        sa.Column("known_since", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_agreements"),
    )
    op.create_table(
        "blobs",
        sa.Column("digest", WORDS, nullable=False),
        sa.Column("agreement", WORDS, nullable=False),
        sa.Column("circle", WORDS, nullable=False),
        sa.Column("raw", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("digest", name="pk_blobs"),
    )
    op.create_table(
        "bodies",
        sa.Column("id", WHOLE, autoincrement=False, nullable=False),
        sa.Column("raw", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_bodies"),
    )
    op.create_table(
        "claims",
        sa.Column("circle", WORDS, nullable=False),
        sa.Column("issuer", WORDS, nullable=False),
        sa.Column("incarnation", WHOLE, autoincrement=False, nullable=False),
        sa.Column("sequence", WHOLE, autoincrement=False, nullable=False),
        sa.Column("record", WORDS, nullable=False),
        sa.PrimaryKeyConstraint("circle", "issuer", "incarnation", "sequence", name="pk_claims"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "class_counts",
        sa.Column("holder", WHOLE, autoincrement=False, nullable=False),
        sa.Column("class_id", WHOLE, autoincrement=False, nullable=False),
        sa.Column("agreement", WHOLE, autoincrement=False, nullable=False),
        sa.Column("count", WHOLE, nullable=False),
        sa.PrimaryKeyConstraint("holder", "class_id", "agreement", name="pk_class_counts"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "classes",
        sa.Column("id", WHOLE, autoincrement=True, nullable=False),
        sa.Column("agreement", WORDS, nullable=False),
        sa.Column("key", WORDS, nullable=False),
        sa.Column("value", sa.LargeBinary(), nullable=False),
        sa.Column("needs", WORDS, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_classes"),
        sa.UniqueConstraint("agreement", "key", name="uq_classes_agreement_key"),
    )
    op.create_table(
        "counters",
        sa.Column("name", WORDS, nullable=False),
        sa.Column("value", WHOLE, nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_counters"),
    )
    op.create_table(
        "cursors",
        sa.Column("name", WORDS, nullable=False),
        sa.Column("value", WORDS, nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_cursors"),
    )
    op.create_table(
        "descriptors",
        sa.Column("organisation", WORDS, nullable=False),
        sa.Column("position", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("digest", WORDS, nullable=False),
        sa.Column("raw", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("organisation", "position", name="pk_descriptors"),
        sa.UniqueConstraint("organisation", "digest", name="uq_descriptors_organisation_digest"),
    )
    op.create_table(
        "ledger",
        sa.Column("organisation", WORDS, nullable=False),
        sa.Column("seq", WHOLE, autoincrement=False, nullable=False),
        sa.Column("agreement", WORDS, nullable=False),
        sa.Column("recipient", WORDS, nullable=False),
        sa.Column("outcome", WORDS, nullable=False),
        sa.Column("code", WORDS, nullable=False),
        sa.Column("art", WORDS, nullable=False),
        sa.Column("class_id", WHOLE, nullable=False),
        sa.Column("first", WHOLE, nullable=False),
        sa.Column("last", WHOLE, nullable=False),
        sa.Column("count", WHOLE, nullable=False),
        sa.Column("via", WORDS, nullable=False),
        sa.Column("proof", WORDS, nullable=False),
        sa.Column("at", INSTANT, nullable=False),
        sa.Column("previous", WORDS, nullable=False),
        sa.Column("hash", WORDS, nullable=False),
        sa.PrimaryKeyConstraint("organisation", "seq", name="pk_ledger"),
    )
    op.create_index(
        "ix_ledger_organisation_agreement_recipient_seq",
        "ledger",
        ["organisation", "agreement", "recipient", "seq"],
    )
    op.create_table(
        "ledger_roots",
        sa.Column("organisation", WORDS, nullable=False),
        sa.Column("agreement", WORDS, nullable=False),
        sa.Column("place", WHOLE, autoincrement=False, nullable=False),
        sa.Column("series", WORDS, nullable=False),
        sa.Column("number", WHOLE, nullable=False),
        sa.Column("after", WHOLE, nullable=False),
        sa.Column("last", WHOLE, nullable=False),
        sa.Column("count", WHOLE, nullable=False),
        sa.Column("through", WORDS, nullable=False),
        sa.Column("seed", sa.LargeBinary(), nullable=False),
        sa.Column("record", WORDS, nullable=False),
        sa.PrimaryKeyConstraint("organisation", "agreement", "place", name="pk_ledger_roots"),
    )
    op.create_table(
        "logins",
        sa.Column("secret", WORDS, nullable=False),
        sa.Column("kind", WORDS, nullable=False),
        sa.Column("organisation", WORDS, nullable=False),
        sa.Column("person", WORDS, nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("expires_at", INSTANT, nullable=False),
        sa.Column("used_at", INSTANT, nullable=True),
        sa.PrimaryKeyConstraint("secret", name="pk_logins"),
    )
    op.create_index("ix_logins_expires_at", "logins", ["expires_at"])
    op.create_table(
        "meta",
        sa.Column("name", WORDS, nullable=False),
        sa.Column("value", WORDS, nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_meta"),
    )
    op.create_table(
        "nonces",
        sa.Column("caller", WORDS, nullable=False),
        sa.Column("nonce", WORDS, nullable=False),
        sa.Column("expires", WHOLE, nullable=False),
        sa.PrimaryKeyConstraint("caller", "nonce", name="pk_nonces"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_nonces_expires", "nonces", ["expires"])
    op.create_table(
        "names",
        sa.Column("id", WHOLE, autoincrement=True, nullable=False),
        sa.Column("name", WORDS, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_names"),
        sa.UniqueConstraint("name", name="uq_names_name"),
    )
    op.create_table(
        "organisations",
        sa.Column("id", WORDS, nullable=False),
        sa.Column("label", WORDS, nullable=False),
        sa.Column("name", WORDS, nullable=False),
        sa.Column("url", WORDS, nullable=False),
        sa.Column("incarnation", WHOLE, nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_organisations"),
        sa.UniqueConstraint("label", name="uq_organisations_label"),
    )
    op.create_table(
        "parked",
        sa.Column("place", WHOLE, autoincrement=True, nullable=False),
        sa.Column("record", WORDS, nullable=False),
        sa.Column("agreement", WORDS, nullable=False),
        sa.Column("issuer", WORDS, nullable=False),
        sa.Column("raw", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("place", name="pk_parked"),
        sa.UniqueConstraint("record", name="uq_parked_record"),
    )
    op.create_index("ix_parked_agreement_issuer", "parked", ["agreement", "issuer"])
    op.create_table(
        "peers",
        sa.Column("id", WORDS, nullable=False),
        sa.Column("label", WORDS, nullable=False),
        sa.Column("name", WORDS, nullable=False),
        sa.Column("url", WORDS, nullable=False),
        sa.Column("confirmed_at", INSTANT, nullable=True),
        sa.Column("allowed_private", sa.Boolean(), nullable=False),
        sa.Column("added_at", INSTANT, nullable=False),
        sa.Column("seen_at", INSTANT, nullable=True),
        sa.Column("failures", WHOLE, nullable=False),
        sa.Column("next_try_at", INSTANT, nullable=True),
        sa.Column("last_problem", WORDS, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_peers"),
    )
    op.create_table(
        "records",
        sa.Column("row", WHOLE, autoincrement=False, nullable=False),
        sa.Column("id", WORDS, nullable=False),
        sa.Column("agreement", WORDS, nullable=False),
        sa.Column("circle", WORDS, nullable=False),
        sa.Column("issuer", WORDS, nullable=False),
        sa.Column("incarnation", WHOLE, nullable=False),
        sa.Column("sequence", WHOLE, nullable=False),
        sa.Column("kind", WORDS, nullable=False),
        sa.Column("claimed_at", INSTANT, nullable=False),
        sa.Column("raw", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("row", name="pk_records"),
        sa.UniqueConstraint("id", name="uq_records_id"),
    )
    op.create_index("ix_records_agreement_row", "records", ["agreement", "row"])
    op.create_index(
        "ix_records_circle_issuer_incarnation_sequence",
        "records",
        ["circle", "issuer", "incarnation", "sequence"],
    )
    op.create_table(
        "statements",
        sa.Column("digest", WORDS, nullable=False),
        sa.Column("raw", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("digest", name="pk_statements"),
    )
    op.create_table(
        "trees",
        sa.Column("statement", WORDS, nullable=False),
        sa.Column("raw", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("statement", name="pk_trees"),
    )
    op.create_table(
        "erasures",
        sa.Column("blob", WORDS, nullable=False),
        sa.Column("agreement", WORDS, nullable=False),
        sa.Column("record", WORDS, nullable=False),
        sa.Column("party", WORDS, nullable=False),
        sa.Column("at", INSTANT, nullable=False),
        sa.Column("because", WORDS, nullable=False),
        sa.Column("kept", WORDS, nullable=False),
        sa.PrimaryKeyConstraint("blob", "agreement", name="pk_erasures"),
    )
    op.create_table(
        "wanted",
        sa.Column("place", WHOLE, autoincrement=True, nullable=False),
        sa.Column("blob", WORDS, nullable=False),
        sa.Column("agreement", WORDS, nullable=False),
        sa.Column("circle", WORDS, nullable=False),
        sa.PrimaryKeyConstraint("place", name="pk_wanted"),
        sa.UniqueConstraint("blob", name="uq_wanted_blob"),
    )
    op.create_index("ix_wanted_agreement_place", "wanted", ["agreement", "place"])
    op.create_table(
        "items",
        sa.Column("seq", WHOLE, autoincrement=False, nullable=False),
        sa.Column("key", sa.BigInteger(), nullable=False),
        sa.Column("holder", WHOLE, nullable=False),
        sa.Column("originator", WHOLE, nullable=False),
        sa.Column("agreement", WHOLE, nullable=False),
        sa.Column("via", WHOLE, nullable=False),
        sa.Column("statement", WHOLE, nullable=False),
        sa.Column("share", WHOLE, nullable=False),
        sa.Column("type", WHOLE, nullable=False),
        sa.Column("kind", WHOLE, nullable=False),
        sa.Column("class_id", WHOLE, nullable=False),
        sa.Column("body", WHOLE, nullable=False),
        sa.Column("size", WHOLE, nullable=False),
        sa.Column("received_at", INSTANT, nullable=False),
        sa.Column("added", WHOLE, nullable=False),
        sa.Column("repeated", sa.Boolean(), nullable=False),
        sa.Column("id", WORDS, nullable=False),
        sa.Column("modified", WORDS, nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("proof", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["class_id"], ["classes.id"], name="fk_items_class_id"),
        sa.PrimaryKeyConstraint("seq", name="pk_items"),
    )
    op.create_index(
        "ix_items_by_class",
        "items",
        ["holder", "class_id", "seq", "body", "added", "repeated"],
    )
    op.create_index(
        "ix_items_agreement_holder_seq_class_id",
        "items",
        ["agreement", "holder", "seq", "class_id"],
    )
    op.create_index("ix_items_holder_added", "items", ["holder", "added"], unique=True)
    op.create_index("ix_items_key", "items", ["key"])
    op.create_index("ix_items_share", "items", ["share"])
    op.create_table(
        "people",
        sa.Column("organisation", WORDS, nullable=False),
        sa.Column("label", WORDS, nullable=False),
        sa.Column("name", WORDS, nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.ForeignKeyConstraint(
            ["organisation"], ["organisations.id"], name="fk_people_organisation"
        ),
        sa.PrimaryKeyConstraint("organisation", "label", name="pk_people"),
    )
    op.create_table(
        "tokens",
        sa.Column("id", WORDS, nullable=False),
        sa.Column("organisation", WORDS, nullable=False),
        sa.Column("secret", WORDS, nullable=False),
        sa.Column("role", WORDS, nullable=False),
        sa.Column("agreements", WORDS, nullable=False),
        sa.Column("ceiling", WORDS, nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("expires_at", INSTANT, nullable=True),
        sa.Column("revoked_at", INSTANT, nullable=True),
        sa.Column("purpose", WORDS, nullable=False),
        sa.ForeignKeyConstraint(
            ["organisation"], ["organisations.id"], name="fk_tokens_organisation"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_tokens"),
    )
    op.create_index("ix_tokens_organisation", "tokens", ["organisation"])
    op.create_table(
        "feeds",
        sa.Column("id", WORDS, nullable=False),
        sa.Column("organisation", WORDS, nullable=False),
        sa.Column("secret", WORDS, nullable=False),
        sa.Column("agreement", WORDS, nullable=False),
        sa.Column("form", WORDS, nullable=False),
        sa.Column("ceiling", WORDS, nullable=False),
        sa.Column("purpose", WORDS, nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("expires_at", INSTANT, nullable=True),
        sa.Column("revoked_at", INSTANT, nullable=True),
        sa.ForeignKeyConstraint(
            ["organisation"], ["organisations.id"], name="fk_feeds_organisation"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_feeds"),
    )
    op.create_index("ix_feeds_organisation", "feeds", ["organisation"])
    op.create_table(
        "statuses",
        sa.Column("id", WORDS, nullable=False),
        sa.Column("organisation", WORDS, nullable=False),
        sa.Column("root", WORDS, nullable=False),
        sa.Column("expires_at", INSTANT, nullable=False),
        sa.Column("raw", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_statuses"),
    )
    op.create_index("ix_statuses_expires_at", "statuses", ["expires_at"])
    op.create_table(
        "warning_lists",
        sa.Column("name", WORDS, nullable=False),
        sa.Column("version", WHOLE, nullable=False),
        sa.Column("raw", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_warning_lists"),
    )
    op.create_table(
        "withdrawn",
        sa.Column("seq", WHOLE, autoincrement=False, nullable=False),
        sa.Column("holder", WORDS, nullable=False),
        sa.Column("originator", WORDS, nullable=False),
        sa.Column("agreement", WORDS, nullable=False),
        sa.Column("via", WORDS, nullable=False),
        sa.Column("statement", WORDS, nullable=False),
        sa.Column("share", WORDS, nullable=False),
        sa.Column("type", WORDS, nullable=False),
        sa.Column("kind", WORDS, nullable=False),
        sa.Column("class_id", WHOLE, nullable=False),
        sa.Column("size", WHOLE, nullable=False),
        sa.Column("received_at", INSTANT, nullable=False),
        sa.Column("added", WHOLE, nullable=False),
        sa.Column("id", WORDS, nullable=False),
        sa.Column("modified", WORDS, nullable=False),
        sa.Column("digest", WORDS, nullable=False),
        sa.Column("proof", sa.LargeBinary(), nullable=False),
        sa.Column("reason", WORDS, nullable=False),
        sa.Column("record", WORDS, nullable=False),
        sa.Column("at", INSTANT, nullable=False),
        sa.Column("raw", sa.LargeBinary(), nullable=True),
        sa.PrimaryKeyConstraint("seq", name="pk_withdrawn"),
    )
    op.create_index("ix_withdrawn_holder_id", "withdrawn", ["holder", "id"])
    op.create_table(
        "remarks",
        sa.Column("place", WHOLE, autoincrement=True, nullable=False),
        sa.Column("organisation", WORDS, nullable=False),
        sa.Column("item", WORDS, nullable=False),
        sa.Column("kind", WORDS, nullable=False),
        sa.Column("text", WORDS, nullable=False),
        sa.Column("person", WORDS, nullable=False),
        sa.Column("at", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("place", name="pk_remarks"),
        sa.UniqueConstraint(
            "organisation", "item", "kind", "text", name="uq_remarks_organisation_item_kind_text"
        ),
    )
    op.create_table(
        "passed_on",
        sa.Column("organisation", WORDS, nullable=False),
        sa.Column("agreement", WORDS, nullable=False),
        sa.Column("recipient", WORDS, nullable=False),
        sa.Column("seq", WHOLE, autoincrement=False, nullable=False),
        sa.Column("at", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint(
            "organisation", "agreement", "recipient", "seq", name="pk_passed_on"
        ),
        sqlite_with_rowid=False,
    )
    _make_hub_tables()
    op.create_table(
        "pairs",
        sa.Column("value", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("holder", WHOLE, autoincrement=False, nullable=False),
        sa.Column("class_id", WHOLE, autoincrement=False, nullable=False),
        sa.Column("seq", WHOLE, autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("value", "holder", "class_id", "seq", name="pk_pairs"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_pairs_seq", "pairs", ["seq"])
    counters = sa.table("counters", sa.column("name", WORDS), sa.column("value", WHOLE))
    op.bulk_insert(
        counters,
        [{"name": name, "value": 0} for name in ("record", "item", "body", "change")],
    )


def _make_hub_tables() -> None:
    """What a secretariat makes anonymous."""
    op.create_table(
        "hub_salts",
        sa.Column("organisation", WORDS, nullable=False),
        sa.Column("agreement", WORDS, nullable=False),
        sa.Column("submitter", WORDS, nullable=False),
        sa.Column("salt", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("organisation", "agreement", "submitter", name="pk_hub_salts"),
    )
    op.create_table(
        "submissions",
        sa.Column("organisation", WORDS, nullable=False),
        sa.Column("id", WORDS, nullable=False),
        sa.Column("agreement", WORDS, nullable=False),
        sa.Column("submitter", WORDS, nullable=False),
        sa.Column("share", WORDS, nullable=False),
        sa.Column("art", WORDS, nullable=False),
        sa.Column("state", WORDS, nullable=False),
        sa.Column("code", WORDS, nullable=False),
        sa.Column("count", WHOLE, nullable=False),
        sa.Column("received_at", sa.BigInteger(), nullable=False),
        sa.Column("due_at", sa.BigInteger(), nullable=True),
        sa.Column("decided_by", WORDS, nullable=False),
        sa.Column("edits", WORDS, nullable=False),
        sa.PrimaryKeyConstraint("organisation", "id", name="pk_submissions"),
    )
    op.create_table(
        "submitted",
        sa.Column("organisation", WORDS, nullable=False),
        sa.Column("agreement", WORDS, nullable=False),
        sa.Column("submitter", WORDS, nullable=False),
        sa.Column("old_id", WORDS, nullable=False),
        sa.Column("old_version", WORDS, nullable=False),
        sa.Column("submission", WORDS, nullable=False),
        sa.Column("new_id", WORDS, nullable=False),
        sa.Column("new_version", WORDS, nullable=False),
        sa.Column("issued_at", sa.BigInteger(), nullable=True),
        sa.Column("recall", WORDS, nullable=False),
        sa.Column("recall_due", sa.BigInteger(), nullable=True),
        sa.Column("recalled_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint(
            "organisation",
            "agreement",
            "submitter",
            "old_id",
            "old_version",
            name="pk_submitted",
        ),
    )
    op.create_index(
        "ix_submitted_organisation_submission", "submitted", ["organisation", "submission"]
    )
    op.create_index("ix_submitted_organisation_new_id", "submitted", ["organisation", "new_id"])
    op.create_table(
        "namings",
        sa.Column("organisation", WORDS, nullable=False),
        sa.Column("new_id", WORDS, nullable=False),
        sa.Column("party", WORDS, nullable=False),
        sa.Column("agreement", WORDS, nullable=False),
        sa.Column("link", WORDS, nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("organisation", "new_id", "party", name="pk_namings"),
    )
    op.create_table(
        "neighbours",
        sa.Column("id", WORDS, nullable=False),
        *(
            sa.Column(name, WORDS, nullable=False)
            for name in ("organisation", "label", "url", "path", "agreement")
        ),
        sa.Column("pulls", sa.Boolean(), nullable=False),
        *(
            sa.Column(name, WORDS, nullable=False)
            for name in ("to", "tlp", "party", "user", "secret_file")
        ),
        sa.Column("allowed_private", sa.Boolean(), nullable=False),
        sa.Column("every_seconds", WHOLE, nullable=False),
        sa.Column("added_at", INSTANT, nullable=False),
        *(sa.Column(name, WORDS, nullable=False) for name in ("mark", "following", "pushed")),
        sa.Column("compared_at", INSTANT, nullable=True),
        sa.Column("seen_at", INSTANT, nullable=True),
        sa.Column("failures", WHOLE, nullable=False),
        sa.Column("next_try_at", INSTANT, nullable=True),
        sa.Column("last_problem", WORDS, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_neighbours"),
    )
    op.create_index("ix_neighbours_organisation", "neighbours", ["organisation"])
    op.create_table(
        "carried",
        *(
            sa.Column(name, WORDS, nullable=False)
            for name in ("neighbour", "way", "item", "version")
        ),
        sa.Column("at", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("neighbour", "way", "item", "version", name="pk_carried"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_carried_item", "carried", ["item"])
    op.create_table(
        "parcels",
        sa.Column("place", WHOLE, autoincrement=True, nullable=False),
        *(sa.Column(name, WORDS, nullable=False) for name in ("recipient", "sender", "slot")),
        sa.Column("at", INSTANT, nullable=False),
        sa.Column("size", WHOLE, nullable=False),
        sa.Column("raw", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("place", name="pk_parcels"),
    )
    op.create_index("ix_parcels_recipient", "parcels", ["recipient"])
    op.create_table(
        "kept_folds",
        sa.Column("agreement", WORDS, nullable=False),
        sa.Column("place", WHOLE, nullable=False),
        sa.Column("raw", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("agreement", "place", name="pk_kept_folds"),
    )
