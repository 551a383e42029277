"""Scores with intervals, tool use, habits in answers, judging reward models (Sections 3.2, 5.2)."""
