"""Accept pictures: uploads, URLs, folders."""
