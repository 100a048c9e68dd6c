"""The pages, a module each: routes that read, and hand frozen view models to templates."""
