"""The text of a picture: fields, cleaning, bounds."""
