"""What drift looks like to a person: then and now, and over event time; from the profiles that detection reads."""
