"""What a scan keeps from one run to the next: rows as intake left them, tables, counts, groups and looks at the past."""
