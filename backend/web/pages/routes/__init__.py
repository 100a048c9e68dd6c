"""Routes of the admin pages, one module per page. They read, and hand frozen view models to templates."""
