"""Add what happens to a camera when its resource is deleted. The defaults in the database serve older versions."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("surveillance", "0016_camera_recording")]

    operations = [
        migrations.AddField(
            model_name="cameraresource",
            name="deletion_policy",
            field=models.CharField(
                db_default="Retain",
                default="Retain",
                help_text="Whether the camera and its alerts stay when the resource is deleted.",
                max_length=8,
            ),
        ),
        migrations.AddField(
            model_name="cameraresource",
            name="deleted_at",
            field=models.DateTimeField(
                blank=True,
                help_text="When the resource was deleted; a new one of its name takes the camera up.",
                null=True,
            ),
        ),
    ]
