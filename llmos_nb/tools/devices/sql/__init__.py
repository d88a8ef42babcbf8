"""SQL on data frames, files and databases: classified by its tree before it runs."""
