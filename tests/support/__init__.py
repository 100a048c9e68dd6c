"""What tests of several folders share and no fixture has to make."""
