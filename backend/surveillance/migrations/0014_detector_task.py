"""Rename the model Inquiry to DetectorTask in Django's state. The table keeps its name, for the version before."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("surveillance", "0013_inference_of_detectors")]

    operations = [
        migrations.SeparateDatabaseAndState(
            state_operations=[
                migrations.RenameModel("Inquiry", "DetectorTask"),
                migrations.AlterModelTable(name="detectortask", table="surveillance_inquiry"),
            ]
        ),
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
