"""Raw tables -> one row per account and day, as known on that day. Start at `features.build`."""
