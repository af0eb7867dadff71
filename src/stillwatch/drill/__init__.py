"""Exercises: simulated providers, populations and campaigns, with known truth.

`writer.run_drill(exercise.Settings(...), folder)` makes one; the command is `stillwatch drill`.
"""
