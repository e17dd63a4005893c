"""Add the tasks that ask ONVIF devices and control cameras."""

from django.db import migrations, models

KINDS = [(kind, kind) for kind in ("live", "configuration", "probe", "discovery", "device", "control")]


class Migration(migrations.Migration):
    dependencies = [("surveillance", "0019_housekeeping_task")]

    operations = [
        migrations.AddField(
            model_name="detectortask", name="command", field=models.JSONField(blank=True, null=True)
        ),
        migrations.AlterField(
            model_name="detectortask", name="kind", field=models.CharField(choices=KINDS, max_length=16)
        ),
        migrations.AlterField(model_name="notice", name="kind", field=models.CharField(choices=KINDS, max_length=16)),
    ]
