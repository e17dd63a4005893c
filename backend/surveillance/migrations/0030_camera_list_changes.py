"""A log of which cameras changed with each version of the list of active cameras."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("surveillance", "0029_clips_in_recordings")]

    operations = [
        migrations.CreateModel(
            name="CameraListChange",
            fields=[
                ("version", models.PositiveBigIntegerField(primary_key=True, serialize=False)),
                (
                    "nonce",
                    models.CharField(
                        help_text="As in `CameraListVersion` when that was its number.", max_length=16
                    ),
                ),
                (
                    "camera_ids",
                    models.JSONField(
                        help_text="The ids of the cameras; null: any may have changed.", null=True
                    ),
                ),
            ],
        ),
        migrations.AddField(
            model_name="cameralistversion",
            name="nonce",
            field=models.CharField(
                blank=True,
                db_default="",
                help_text=(
                    "Random, so that a number that is reached again after a restored backup is another version."
                ),
                max_length=16,
            ),
        ),
    ]
