"""Add what each camera's detector uses: model, runtime, device, precision, decoder."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("surveillance", "0012_camera_names")]

    operations = [
        migrations.AddField(
            model_name="camerahealth",
            name="inference",
            field=models.JSONField(
                blank=True, default=dict, help_text="As vigil_contracts.health.InferenceHealth.", null=True
            ),
        ),
    ]
