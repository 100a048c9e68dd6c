-- Vectors of a space, either of pictures with text or of the others, so that all rows have the same length. All of them, or those
-- whose writers had not begun at a snapshot or were in progress. {share} is a TABLESAMPLE, or empty. {part} is a
-- condition, or true.
SELECT media_id, coalesce(written_by, 0), image_embedding{text_column}
  FROM embedding {share} WHERE space_id = :space_id AND text_embedding IS {null_or_not}{since} AND {part}
