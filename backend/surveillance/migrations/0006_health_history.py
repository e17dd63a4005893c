"""The history of cameras' states."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [("surveillance", "0005_alert_search")]

    operations = [
        migrations.CreateModel(
            name="CameraHealthChange",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("at", models.DateTimeField()),
                ("phase", models.CharField(max_length=16)),
                ("reason", models.CharField(max_length=32)),
                ("message", models.CharField(blank=True, max_length=500)),
                (
                    "camera",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="health_changes",
                        to="surveillance.camera",
                    ),
                ),
            ],
            options={
                "ordering": ["-id"],
                "indexes": [models.Index(fields=["camera", "-id"], name="health_change_newest")],
            },
        ),
    ]
