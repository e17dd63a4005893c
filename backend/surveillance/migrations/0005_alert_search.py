"""An index for words of alerts, on PostgreSQL; SQLite searches without one.

The expression must stay that of `surveillance.selectors.search.ALERT_VECTOR`, or PostgreSQL does not use the index.
"""

from django.db import migrations

INDEX = """
CREATE INDEX IF NOT EXISTS alert_words ON surveillance_alert USING gin (
    to_tsvector('simple'::regconfig, COALESCE(description, '') || ' ' || COALESCE(label, '') || ' ' ||
                COALESCE(zone, '') || ' ' || COALESCE(rule, ''))
)
"""


def create(apps, schema_editor):
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute(INDEX)


def drop(apps, schema_editor):
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute("DROP INDEX IF EXISTS alert_words")


class Migration(migrations.Migration):

    dependencies = [("surveillance", "0004_camera_resources_and_alert_totals")]

    operations = [migrations.RunPython(create, drop)]
