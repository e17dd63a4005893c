"""Rename the model Inquiry to DetectorTask. The table keeps its name, so the database does not change."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("surveillance", "0013_inference_of_detectors")]

    operations = [
        migrations.AlterModelTable(name="inquiry", table="surveillance_inquiry"),
        migrations.RenameModel("Inquiry", "DetectorTask"),
        migrations.AlterField(
            model_name="detectortask",
            name="claimed_by",
            field=models.CharField(blank=True, help_text="Public id of the token that claimed it.", max_length=64),
        ),
        migrations.AlterField(
            model_name="detectortask",
            name="state",
            field=models.CharField(
                choices=[
                    ("pending", "Waiting for a detector"),
                    ("running", "Claimed by a detector"),
                    ("done", "Completed"),
                ],
                db_index=True,
                default="pending",
                max_length=16,
            ),
        ),
    ]
