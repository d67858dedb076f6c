"""The steps of working with the package: one function each, for click logs and news."""
