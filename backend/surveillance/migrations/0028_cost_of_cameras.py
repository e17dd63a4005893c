"""Health reports with what the camera costs its detector."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("surveillance", "0027_recorded_frames")]

    operations = [
        migrations.AddField(
            model_name="camerahealth",
            name="cost",
            field=models.JSONField(
                blank=True, help_text="As vigil_contracts.cost.CameraCost. Null: unknown.", null=True
            ),
        )
    ]
