"""The migrations of the database, run by `allied.adapters.sql.opening`."""
