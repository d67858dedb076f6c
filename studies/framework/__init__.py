"""Definition of a study, the runner of its grid, and its tables and pages."""
