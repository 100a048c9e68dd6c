"""The training of the demo image model, on rendered pictures: `python -m backend.demo.training`."""
