"""Who changed what, when, and from where. Entries are written in the transaction of the change and never altered."""
