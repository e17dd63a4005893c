"""Add the task that decodes a frame of a recording."""

from django.db import migrations, models

KINDS = [
    (kind, kind) for kind in ("live", "configuration", "probe", "discovery", "device", "control", "frame")
]


class Migration(migrations.Migration):
    dependencies = [("surveillance", "0026_rooms_of_classes")]

    operations = [
        migrations.AlterField(
            model_name="detectortask", name="kind", field=models.CharField(choices=KINDS, max_length=16)
        ),
        migrations.AlterField(model_name="notice", name="kind", field=models.CharField(choices=KINDS, max_length=16)),
    ]
