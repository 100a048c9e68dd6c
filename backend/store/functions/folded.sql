-- What filters compare instead of the words themselves, so that zurich finds Zürich, STRASSE Straße, and either Unicode form the other.
-- NFKD splits letters from accents, which are then removed, and the rest becomes lower case, whatever the locale of the database:
-- that of `lower` may be "C", so the capitals of Latin, Greek, Cyrillic and Armenian are named. Only accents are removed: vowel signs of
-- Devanagari or Thai, jamo of Hangul, and voicing marks of kana are letters, and so are й, ў, ї, ѓ and ќ.
-- Postgres puts this function into the calling query, and an index stands on it. It needs no extension: `unaccent` is not everywhere.
CREATE OR REPLACE FUNCTION folded(said text)
RETURNS text
LANGUAGE sql
IMMUTABLE PARALLEL SAFE
RETURN CASE
  WHEN octet_length(said) = char_length(said) THEN lower(said COLLATE "C")
  ELSE normalize(
    replace(replace(replace(replace(
      translate(
        lower(regexp_replace(
          normalize(said, NFKD),
          '(?<![ИиУу])\u0306|(?<![Іі])\u0308|(?<![ГгКк])\u0301'
          '|[\u0300\u0302-\u0305\u0307\u0309-\u036F\u1AB0-\u1AFF\u1DC0-\u1DFF\u20D0-\u20FF\uFE20-\uFE2F]',
          '', 'g')),
        -- Postgres decides this when it plans: where `lower` knows all letters, no capitals are left to look for.
        'øłđħŧıðς' || CASE WHEN lower('ØЖΩԱ') = 'øжωա' THEN '' ELSE
        'ØŁĐĦŦÐÆŒÞŊẞ'
        'ΑΒΓΔΕΖΗΘΙΚΛΜΝΞΟΠΡΣΤΥΦΧΨΩ'
        'АБВГДЕЖЗИЙКЛМНОПРСТУФХЦЧШЩЪЫЬЭЮЯЂЄЅІЇЈЉЊЋЏҐ'
        'ԱԲԳԴԵԶԷԸԹԺԻԼԽԾԿՀՁՂՃՄՅՆՇՈՉՊՋՌՍՎՏՐՑՒՓՔՕՖ' END,
        'oldhtidσoldhtdæœþŋß'
        'αβγδεζηθικλμνξοπρστυφχψω'
        'абвгдежзийклмнопрстуфхцчшщъыьэюяђєѕіїјљњћџґ'
        'աբգդեզէըթժիլխծկհձղճմյնշոչպջռսվտրցւփքօֆ'),
      'ß', 'ss'), 'æ', 'ae'), 'œ', 'oe'), 'þ', 'th'),
    NFC)
END;

COMMENT ON FUNCTION folded IS
  'A text as filters compare it: in one Unicode form, in lower case, and without accents.';
