"""A photo's deployment is of its station: the database refuses any other."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("files", "0003_public_photos"), ("deployments", "0004_one_organization")]

    operations = [
        migrations.RunSQL(
            "ALTER TABLE deployments_deployment ADD CONSTRAINT deployment_and_its_station UNIQUE (id, station_id)",
            "ALTER TABLE deployments_deployment DROP CONSTRAINT deployment_and_its_station",
        ),
        migrations.RunSQL(
            "ALTER TABLE files_photo ADD CONSTRAINT photo_deployment_of_its_station FOREIGN KEY "
            "(deployment_id, station_id) REFERENCES deployments_deployment (id, station_id) "
            "DEFERRABLE INITIALLY DEFERRED",
            "ALTER TABLE files_photo DROP CONSTRAINT photo_deployment_of_its_station",
        ),
    ]
