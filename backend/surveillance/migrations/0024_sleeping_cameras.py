"""Record until when a camera sleeps because its schedule is disarmed."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("surveillance", "0023_resource_retention")]

    operations = [
        migrations.AddField(
            model_name="camera",
            name="asleep_until",
            field=models.DateTimeField(
                blank=True,
                editable=False,
                help_text="When its detector starts again after a disarmed time, as the operator last reported it.",
                null=True,
            ),
        ),
        migrations.AddField(
            model_name="camera",
            name="warm_until",
            field=models.DateTimeField(
                blank=True,
                editable=False,
                help_text="When its schedule is armed after that; its detector may start until then.",
                null=True,
            ),
        ),
    ]
