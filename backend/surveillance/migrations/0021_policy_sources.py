"""Add from which CameraPolicy a value comes. NULL serves older versions, which do not know the column."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("surveillance", "0020_onvif_devices")]

    operations = [
        migrations.AddField(
            model_name="cameraresource",
            name="policy_sources",
            field=models.JSONField(
                blank=True,
                default=dict,
                help_text="The CameraPolicy of each field whose value comes from one.",
                null=True,
            ),
        ),
    ]
