"""Every model of the catalog on logs whose splits do not change, and what may not get worse."""
