from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("vigil_sites", "0002_group_mapping"),
    ]

    operations = [
        migrations.AddField(
            model_name="site",
            name="recording",
            field=models.JSONField(
                blank=True,
                help_text="As vigil_contracts.recording.SiteRecording. Null: all values of the server.",
                null=True,
            ),
        ),
    ]
