"""Health reports with the comparison of a model in shadow."""

from typing import ClassVar

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies: ClassVar = [("surveillance", "0024_sleeping_cameras")]

    operations: ClassVar = [
        migrations.AddField(
            model_name="camerahealth",
            name="shadow",
            field=models.JSONField(blank=True, help_text="As surveillance.core.shadow.StoredShadow.", null=True),
        )
    ]
