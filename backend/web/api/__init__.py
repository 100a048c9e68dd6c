"""The HTTP API. It calls the pipeline and the queries; nothing is decided here."""
