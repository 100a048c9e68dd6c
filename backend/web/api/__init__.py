"""The HTTP API. Routes translate between HTTP and `backend.features`; they make no decisions."""
