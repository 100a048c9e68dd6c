"""One drawing function for each kind of scene; each takes the canvas, the look and the mood."""
