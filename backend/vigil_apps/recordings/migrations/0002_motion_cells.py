"""Store with each segment where something moved. NULL, also in earlier rows: unknown, or nothing moved."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("recordings", "0001_initial")]

    operations = [
        migrations.AddField(
            model_name="recordedsegment",
            name="motion_cells",
            field=models.BinaryField(
                help_text="Grid of vigil_contracts.motion_grid. Null: nothing moved, or it is unknown where.",
                max_length=72,
                null=True,
            ),
        ),
    ]
