"""Names of cameras are kept apart by the services, among the cameras that the person who names one may see."""

from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("surveillance", "0011_rows_within_bounds"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.RemoveConstraint(model_name="camera", name="camera_name_unique_per_user"),
        migrations.AddIndex(
            model_name="camera",
            index=models.Index(fields=["user", "name"], name="camera_user_name"),
        ),
    ]
