-- Vectors of a space, either of the pictures with text or of the others, so that all rows are equally long; all of them, or
-- those of writers who had not begun by a snapshot or were in progress.
SELECT media_id, coalesce(written_by, 0), image_embedding{text_column}
  FROM embedding WHERE space_id = :space_id AND text_embedding IS {null_or_not}{since}
