"""Coordinates of Google Takeout that imports took for a location, which everybody sees"""

from alembic import op

revision = "0026"
down_revision = "0025"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    # As such an import wrote them: six digits behind each point. No vector was made of them.
    op.execute(
        """
        UPDATE media
           SET location = '',
               exif = CASE WHEN exif ? 'latitude_degrees' THEN exif ELSE exif || jsonb_build_object(
                 'latitude_degrees', split_part(location, ', ', 1)::float8,
                 'longitude_degrees', split_part(location, ', ', 2)::float8) END
         WHERE source = 'import' AND location ~ '^-?[0-9]{1,2}[.][0-9]{6}, -?[0-9]{1,3}[.][0-9]{6}$'
        """
    )


def downgrade() -> None:
    """Nothing: what was said of a place stays where admins alone see it."""
