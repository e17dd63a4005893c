"""Store the motion of each span, so that a timeline need not read its segments. NULL: an earlier row."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("recordings", "0002_motion_cells")]

    operations = [
        migrations.AddField(
            model_name="recordedspan",
            name="motion_seconds",
            field=models.BinaryField(
                help_text="Percent of motion in each second of the hour. Null: stored by an earlier version; its "
                "segments know.",
                max_length=4201,
                null=True,
            ),
        ),
    ]
