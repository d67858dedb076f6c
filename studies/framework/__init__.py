"""What a study is, how its grid is run, and how its numbers become tables and pages."""
