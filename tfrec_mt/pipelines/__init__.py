"""The binaries: flags, a frozen run configuration, one library call."""
