"""Every model of the catalog on logs with fixed splits, to notice when one gets worse."""
