"""Add whether a resource sets the retention of its camera. The default in the database serves older versions."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("surveillance", "0022_legal_holds")]

    operations = [
        migrations.AddField(
            model_name="cameraresource",
            name="has_retention",
            field=models.BooleanField(
                db_default=False,
                default=False,
                help_text="Whether the resource sets the limits for the camera's alerts.",
            ),
        ),
    ]
