"""What a person does with the package: one function per step, of click logs and of news."""
