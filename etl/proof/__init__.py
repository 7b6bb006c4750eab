"""What the destination itself says of the events that were sent to it. What no answer proves is called unknown."""
