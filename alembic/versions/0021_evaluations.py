"""Evaluations are kept for the quality page"""

from alembic import op

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None

_NAME = "quality_report_kind_check"


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.drop_constraint(op.f(_NAME), "quality_report", type_="check")
    op.create_check_constraint(
        op.f(_NAME), "quality_report", "kind IN ('similarities', 'thresholds', 'map', 'evaluation')"
    )


def downgrade() -> None:
    op.execute("DELETE FROM quality_report WHERE kind = 'evaluation'")
    op.drop_constraint(op.f(_NAME), "quality_report", type_="check")
    op.create_check_constraint(op.f(_NAME), "quality_report", "kind IN ('similarities', 'thresholds', 'map')")
