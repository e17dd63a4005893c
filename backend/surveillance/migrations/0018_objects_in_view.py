"""Add the objects in view to the detectors' reports, and whether detectors send them."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("surveillance", "0017_resource_deletion")]

    operations = [
        migrations.AddField(
            model_name="camerahealth",
            name="objects_in_view",
            field=models.JSONField(
                blank=True, help_text="List of vigil_contracts.health.ObjectCount. Null: unknown.", null=True
            ),
        ),
        migrations.AddField(
            model_name="cameralistversion",
            name="reports_objects",
            field=models.BooleanField(
                db_default=False,
                default=False,
                help_text="Detectors report the objects in view (`report_objects`).",
            ),
        ),
    ]
