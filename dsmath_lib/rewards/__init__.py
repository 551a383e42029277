"""What a completion is worth: drawing and grading answers, rule rewards, reward models (Section 4.1)."""
