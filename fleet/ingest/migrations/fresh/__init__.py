"""Parts of the migration that makes a new database: what all migrations before it come to."""
