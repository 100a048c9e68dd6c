"""The demo gallery and model. Left out of a production install."""
