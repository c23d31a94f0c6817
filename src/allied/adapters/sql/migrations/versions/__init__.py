"""One file per migration, numbered; what was released is never changed."""
