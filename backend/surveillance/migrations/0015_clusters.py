"""Add clusters, the cluster of each camera, and which cluster holds it."""

import django.core.validators
import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('surveillance', '0014_detector_task'),
    ]

    operations = [
        migrations.CreateModel(
            name='Cluster',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('name', models.CharField(blank=True, help_text="As the operator's setting VIGIL_CLUSTER_NAME says. Empty: it has no name.", max_length=63, validators=[django.core.validators.RegexValidator('^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)?$', 'must be a DNS label: lower-case letters, digits and -, at most 63 characters')])),
                ('identity', models.CharField(editable=False, help_text='Digest of its certificate authority, and namespace. Null: that cluster has another name now.', max_length=128, null=True, unique=True)),
                ('asked_at', models.DateTimeField(editable=False, help_text='When its operator last asked, to about 10 s.')),
                ('created_at', models.DateTimeField(auto_now_add=True)),
            ],
            options={
                'ordering': ['name', 'id'],
                'constraints': [models.UniqueConstraint(condition=models.Q(('name', ''), _negated=True), fields=('name',), name='cluster_name_unique')],
            },
        ),
        migrations.CreateModel(
            name='CameraHold',
            fields=[
                ('camera', models.OneToOneField(db_constraint=False, on_delete=django.db.models.deletion.CASCADE, primary_key=True, related_name='hold', serialize=False, to='surveillance.camera')),
                ('since', models.DateTimeField()),
                ('cluster', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='holds', to='surveillance.cluster')),
            ],
        ),
        migrations.AddField(
            model_name='camera',
            name='cluster',
            field=models.ForeignKey(blank=True, help_text='The Kubernetes cluster that watches it. Null: the default cluster.', null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='cameras', to='surveillance.cluster'),
        ),
    ]
