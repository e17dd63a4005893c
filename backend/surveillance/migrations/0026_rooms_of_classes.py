"""Record the room of each cluster's detector classes."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("surveillance", "0025_shadow")]

    operations = [
        migrations.AddField(
            model_name="cluster",
            name="classes",
            field=models.JSONField(
                blank=True, editable=False, help_text="Its detector classes and their room.", null=True
            ),
        ),
        migrations.AddField(
            model_name="cluster",
            name="classes_reported_at",
            field=models.DateTimeField(
                blank=True,
                editable=False,
                help_text="When its operator last reported the classes; null: never.",
                null=True,
            ),
        ),
    ]
