"""The run of each notebook; a file bears its notebook's number."""
