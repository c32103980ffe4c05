"""A second held-out exam, by an examiner who had not seen the tool or its catalogue."""
