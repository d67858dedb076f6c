"""What a person gets in the first hour: defaults alone, on logs nobody tuned for."""
