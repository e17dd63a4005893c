"""Name the model of housekeeping tasks for what it is. Its table keeps its name, so the database does not change."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("surveillance", "0018_objects_in_view")]

    operations = [
        migrations.SeparateDatabaseAndState(
            state_operations=[
                migrations.AlterModelTable(name="Chore", table="surveillance_chore"),
                migrations.RenameModel(old_name="Chore", new_name="HousekeepingTask"),
            ],
        ),
    ]
