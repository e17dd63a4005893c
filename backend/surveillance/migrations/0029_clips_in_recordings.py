"""Clips that are parts of recordings."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("surveillance", "0028_cost_of_cameras")]

    operations = [
        migrations.AddField(
            model_name="alert",
            name="clip_start_ms",
            field=models.BigIntegerField(
                blank=True,
                help_text="The clip is the part of the recording that begins then, if it has no key.",
                null=True,
            ),
        ),
        migrations.AddField(
            model_name="alert",
            name="clip_end_ms",
            field=models.BigIntegerField(blank=True, help_text="When this part ends.", null=True),
        ),
    ]
