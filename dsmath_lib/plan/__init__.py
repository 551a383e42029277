"""What a run will take, before it starts: memory line by line and time, both estimates (``dsmath plan SCALE``)."""
