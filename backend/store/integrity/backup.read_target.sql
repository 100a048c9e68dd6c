-- The schema of pgvector in this database (NULL if it is not installed), and the names of its types,
-- functions and operator classes.
SELECT quote_ident(nspname) AS vector_schema,
       ARRAY(SELECT typname::text FROM pg_type JOIN pg_depend ON objid = pg_type.oid AND classid = 'pg_type'::regclass
              WHERE refobjid = pg_extension.oid AND deptype = 'e'
             UNION SELECT proname::text FROM pg_proc JOIN pg_depend ON objid = pg_proc.oid AND classid = 'pg_proc'::regclass
              WHERE refobjid = pg_extension.oid AND deptype = 'e'
             UNION SELECT opcname::text FROM pg_opclass JOIN pg_depend ON objid = pg_opclass.oid AND classid = 'pg_opclass'::regclass
              WHERE refobjid = pg_extension.oid AND deptype = 'e') AS vector_names
  FROM (VALUES (1)) AS one
  LEFT JOIN pg_extension ON extname = 'vector'
  LEFT JOIN pg_namespace ON pg_namespace.oid = extnamespace
