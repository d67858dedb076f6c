"""What differs between kinds of data: one contract, with an implementation for each kind."""
