"""Add the recording settings of cameras."""

import surveillance.models.camera
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("surveillance", "0015_clusters")]

    operations = [
        migrations.AddField(
            model_name="camera",
            name="recording",
            field=models.JSONField(
                blank=True,
                default=surveillance.models.camera.default_recording,
                help_text="As vigil_contracts.recording.RecordingSettings.",
                null=True,
            ),
        ),
    ]
