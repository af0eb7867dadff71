"""Following a folder of logs: scans of what is new, and events of what they change."""
